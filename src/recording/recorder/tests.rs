use super::*;

const CALLER: u8 = 0x11;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn frame() -> Heard {
    Heard::Caller(UlawChunk::copy_from(&[CALLER; 160]))
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// How many samples of the caller a WAV file holds.
fn samples_of_caller(wav: &Path) -> usize {
    let bytes = fs::read(wav).unwrap();
    let declared = u32::from_le_bytes(bytes[54..58].try_into().unwrap());
    assert_eq!(bytes.len(), 58 + declared as usize);
    bytes[58..].chunks_exact(2).filter(|pair| pair[0] == CALLER).count()
}

#[test]
fn a_call_is_a_file_once_it_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, writer) = open(&folder.path().join("new/calls"), Format::Wav).unwrap();
    let recording = recorder.begin("CA1").unwrap();
    (0..10).for_each(|_| recording.tell(frame()));
    recording.tell(Heard::Agent(vec![0x22; 160].into()));
    drop((recording, recorder));
    writer.run();
    let folder = folder.path().join("new/calls");
    assert_eq!(files(&folder), ["CA1.wav"]);
    assert_eq!(samples_of_caller(&folder.join("CA1.wav")), 1_600);
}

#[test]
fn a_long_call_goes_to_the_disk_while_it_lives() {
    let folder = tempfile::tempdir().unwrap();
    let (_recorder, mut writer) = open(folder.path(), Format::Wav).unwrap();
    let (encodings, _waiting) = sync_channel(1);
    let mut take = |at, what| writer.take(Note { call: 7, at, what }, &encodings);
    take(ms(0), What::Began { call_id: "CA1".into() });
    for at in (20..=60_000).step_by(20) {
        take(ms(at), What::Heard(frame()));
    }
    assert_eq!(files(folder.path()), ["CA1.wav.part"]);
    let written = fs::metadata(folder.path().join("CA1.wav.part")).unwrap().len();
    assert!(written > 16_000 * 55, "{written} bytes of a minute");
    take(ms(60_500), What::Ended);
    assert_eq!(samples_of_caller(&folder.path().join("CA1.wav")), 60_000 * 8);
    // What comes late belongs to nothing.
    take(ms(60_600), What::Heard(frame()));
    assert_eq!(files(folder.path()), ["CA1.wav"]);
}

#[test]
fn what_was_not_played_when_the_caller_hung_up_is_not_in_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    let (_recorder, mut writer) = open(folder.path(), Format::Wav).unwrap();
    let (encodings, _waiting) = sync_channel(1);
    let mut take = |at, what| writer.take(Note { call: 7, at, what }, &encodings);
    take(ms(0), What::Began { call_id: "CA1".into() });
    take(ms(20), What::Heard(frame()));
    take(ms(20), What::Heard(Heard::Agent(vec![0x22; 8_000].into())));
    take(ms(40), What::Heard(frame()));
    // The socket takes its time to close.
    take(ms(900), What::Ended);
    let bytes = fs::read(folder.path().join("CA1.wav")).unwrap();
    assert_eq!(bytes[58..].chunks_exact(2).filter(|pair| pair[1] == 0x22).count(), 160);
}

#[test]
fn a_writer_that_is_stuck_loses_audio_and_holds_no_call_up() {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, writer) = open(folder.path(), Format::Wav).unwrap();
    let recording = recorder.begin("CA1").unwrap();
    (0..NOTES + 100).for_each(|_| recording.tell(frame()));
    // One place is the beginning's, one is kept for the end.
    assert_eq!(recording.lost(), 102);
    assert!(recorder.begin("CA2").is_none());
    drop((recording, recorder));
    writer.run();
    assert_eq!(files(folder.path()), ["CA1.wav"]);
}

#[test]
fn calls_that_still_run_when_everything_ends_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, mut writer) = open(folder.path(), Format::Wav).unwrap();
    let (encodings, _waiting) = sync_channel(1);
    writer.take(Note { call: 7, at: ms(0), what: What::Began { call_id: "CA1".into() } }, &encodings);
    writer.take(Note { call: 7, at: ms(20), what: What::Heard(frame()) }, &encodings);
    drop(recorder);
    writer.run();
    assert_eq!(samples_of_caller(&folder.path().join("CA1.wav")), 160);
}

#[test]
fn no_id_chooses_a_folder_or_writes_over_another_call() {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, writer) = open(folder.path(), Format::Wav).unwrap();
    for _ in 0..2 {
        drop(recorder.begin("../x/CA1").unwrap());
    }
    drop(recorder);
    writer.run();
    assert_eq!(files(folder.path()), ["___x_CA1.wav", "___x_CA1_2.wav"]);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "no folder").unwrap();
    assert!(open(&file, Format::Wav).is_err());
}

#[test]
#[cfg(feature = "opus")]
fn a_recording_is_encoded_after_its_call_and_stays_when_it_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, writer) = open(folder.path(), Format::Opus).unwrap();
    // Something lies where this one would be encoded to.
    fs::create_dir(folder.path().join("CA2.opus.part")).unwrap();
    for call_id in ["CA1", "CA2"] {
        let recording = recorder.begin(call_id).unwrap();
        (0..10).for_each(|_| recording.tell(frame()));
    }
    drop(recorder);
    writer.run();
    assert_eq!(files(folder.path()), ["CA1.opus", "CA2.opus.part", "CA2.wav"]);
    let opus = fs::read(folder.path().join("CA1.opus")).unwrap();
    assert!(opus.starts_with(b"OggS") && opus[28..].starts_with(b"OpusHead"));
}
