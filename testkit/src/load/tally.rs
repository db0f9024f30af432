//! From the moments of many turns to figures: the caller's and the vendors' sides are joined here.
//!
//! The gateway's own share of a turn is what it needs beside the vendors and its deliberate waits
//! for the caller: from the final transcript to the request, from the first token to the text for the
//! voice, from the voice's first audio to the caller's socket.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::figures::{Figure, millis};
use super::heard_turn::HeardTurn;
use super::vendor_log::VendorTurn;
use super::words::{self, Tag, WordFaults};

/// The durations of one turn; `None` where one of the two moments is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TurnTimes {
    /// Final transcript sent → request for an answer arrived.
    pub stt_to_llm: Option<Duration>,
    /// First token sent → text for the voice arrived.
    pub llm_to_tts: Option<Duration>,
    /// First audio sent → arrived in the caller's socket.
    pub tts_to_ear: Option<Duration>,
    /// The sum of the three.
    pub own: Option<Duration>,
    /// End of the caller's last voiced frame → first frame of the reply played.
    pub voice_to_voice: Option<Duration>,
    /// Onset of an interruption → the line is cleared.
    pub interruption_to_clear: Option<Duration>,
}

impl TurnTimes {
    /// Joins both sides of a turn.
    pub fn of(heard: &HeardTurn, vendors: &VendorTurn) -> Self {
        // Audio that arrives behind other audio was paced on purpose.
        let arrived = heard.arrived.filter(|_| !heard.arrived_behind);
        let stt_to_llm = between(vendors.stt_final, vendors.llm_request);
        let llm_to_tts = between(vendors.llm_first_token, vendors.tts_text);
        let tts_to_ear = between(vendors.tts_first_audio, arrived);
        Self {
            stt_to_llm,
            llm_to_tts,
            tts_to_ear,
            own: [stt_to_llm, llm_to_tts, tts_to_ear].into_iter().sum(),
            voice_to_voice: between(heard.stopped, heard.played.filter(|_| !heard.arrived_behind)),
            interruption_to_clear: between(heard.onset.filter(|_| heard.interrupts), heard.cleared),
        }
    }
}

fn between(from: Option<Instant>, to: Option<Instant>) -> Option<Duration> {
    Some(to?.saturating_duration_since(from?))
}

/// All turns of one row.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    times: Vec<(Tag, TurnTimes)>,
    holes: Vec<Duration>,
    counts: Counts,
    words: WordFaults,
}

/// What is counted over all turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Counts {
    turns: u32,
    unanswered: u32,
    interruptions: u32,
    interruptions_not_cleared: u32,
    unasked_clears: u32,
    replies_behind_audio: u32,
    late_frames: u32,
    repeated_llm_requests: u32,
}

impl Tally {
    /// Adds a turn.
    pub fn add(&mut self, heard: &HeardTurn, vendors: &VendorTurn) {
        let times = TurnTimes::of(heard, vendors);
        let counts = &mut self.counts;
        counts.turns += 1;
        counts.interruptions += u32::from(heard.interrupts);
        counts.interruptions_not_cleared += u32::from(heard.interrupts && heard.cleared.is_none());
        counts.unasked_clears += heard.unasked_clears;
        counts.replies_behind_audio += u32::from(heard.arrived_behind);
        counts.late_frames += heard.late_frames;
        counts.repeated_llm_requests += vendors.llm_requests.saturating_sub(1);
        self.times.push((heard.tag, times));
        self.holes.extend(&heard.holes);
        if heard.arrived.is_none() {
            counts.unanswered += 1;
            return;
        }
        let faults = words::compare(&heard.expected, &heard.heard, heard.cut_short);
        self.words.missing += faults.missing;
        self.words.doubled += faults.doubled;
        self.words.strange += faults.strange;
    }

    /// How many of them got a reply.
    pub fn answered(&self) -> u32 {
        self.counts.turns - self.counts.unanswered
    }

    /// Every figure with its name and what it is.
    pub fn figures(&self) -> [(&'static str, &'static str, Figure); 7] {
        let of =
            |time: fn(&TurnTimes) -> Option<Duration>| self.times.iter().filter_map(|(_, times)| time(times)).collect();
        [
            ("stt_to_llm", "STT final → LLM request", of(|turn| turn.stt_to_llm)),
            ("llm_to_tts", "LLM first token → TTS text", of(|turn| turn.llm_to_tts)),
            ("tts_to_ear", "TTS first audio → caller", of(|turn| turn.tts_to_ear)),
            ("own", "own share (sum)", of(|turn| turn.own)),
            ("voice_to_voice", "voice to voice", of(|turn| turn.voice_to_voice)),
            ("interruption_to_clear", "interruption → clear", of(|turn| turn.interruption_to_clear)),
            ("hole", "playout holes, lateness", self.holes.iter().copied().collect()),
        ]
    }

    /// Every turn with its durations in milliseconds.
    pub fn turns(&self) -> Value {
        let turn = |(tag, times): &(Tag, TurnTimes)| {
            let TurnTimes { stt_to_llm, llm_to_tts, tts_to_ear, own, voice_to_voice, interruption_to_clear } = *times;
            json!({
                "turn": tag.to_string(),
                "stt_to_llm": stt_to_llm.map(millis),
                "llm_to_tts": llm_to_tts.map(millis),
                "tts_to_ear": tts_to_ear.map(millis),
                "own": own.map(millis),
                "voice_to_voice": voice_to_voice.map(millis),
                "interruption_to_clear": interruption_to_clear.map(millis),
            })
        };
        self.times.iter().map(turn).collect()
    }

    /// Every count by its name.
    pub fn counts(&self) -> Value {
        let Counts {
            turns,
            unanswered,
            interruptions,
            interruptions_not_cleared,
            unasked_clears,
            replies_behind_audio,
            late_frames,
            repeated_llm_requests,
        } = self.counts;
        let WordFaults { missing, doubled, strange } = self.words;
        json!({
            "turns": turns,
            "unanswered": unanswered,
            "interruptions": interruptions,
            "interruptions_not_cleared": interruptions_not_cleared,
            "unasked_clears": unasked_clears,
            "replies_behind_audio": replies_behind_audio,
            "repeated_llm_requests": repeated_llm_requests,
            "holes": self.holes.len(),
            "late_frames": late_frames,
            "words_missing": missing,
            "words_doubled": doubled,
            "words_strange": strange,
            "wrong_words": self.words.total(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(tally: &Tally, name: &str) -> Figure {
        tally.figures().into_iter().find(|(known, ..)| *known == name).unwrap().2
    }

    /// A turn that went well: said until 1,000 ms, final at 1,200, heard from 1,700.
    fn good(start: Instant) -> (HeardTurn, VendorTurn) {
        let at = |millis| Some(start + Duration::from_millis(millis));
        let mut heard = HeardTurn::new(Tag { call: 1, turn: 2 }, false);
        heard.onset = at(0);
        heard.stopped = at(1_000);
        heard.arrived = at(1_690);
        heard.played = at(1_700);
        heard.heard.clone_from(&heard.expected);
        let vendors = VendorTurn {
            stt_final: at(1_200),
            llm_request: at(1_203),
            llm_first_token: at(1_500),
            tts_text: at(1_501),
            tts_first_audio: at(1_680),
            llm_requests: 1,
            ..VendorTurn::default()
        };
        (heard, vendors)
    }

    #[test]
    fn the_own_share_is_the_sum_of_its_parts() {
        let (heard, vendors) = good(Instant::now());
        let times = TurnTimes::of(&heard, &vendors);
        let ms = |millis| Some(Duration::from_millis(millis));
        assert_eq!((times.stt_to_llm, times.llm_to_tts, times.tts_to_ear), (ms(3), ms(1), ms(10)));
        assert_eq!((times.own, times.voice_to_voice), (ms(14), ms(700)));
        assert_eq!(times.interruption_to_clear, None, "nothing was interrupted");
    }

    #[test]
    fn what_is_missing_is_left_out_not_zero() {
        let (mut heard, mut vendors) = good(Instant::now());
        vendors.llm_request = None;
        heard.arrived_behind = true;
        let times = TurnTimes::of(&heard, &vendors);
        assert_eq!((times.stt_to_llm, times.tts_to_ear, times.own, times.voice_to_voice), (None, None, None, None));
        assert!(times.llm_to_tts.is_some());
        let mut tally = Tally::default();
        tally.add(&heard, &vendors);
        assert_eq!((figure(&tally, "own").count(), figure(&tally, "llm_to_tts").count()), (0, 1));
    }

    #[test]
    fn counts_what_went_wrong() {
        let start = Instant::now();
        let mut tally = Tally::default();
        let (heard, vendors) = good(start);
        tally.add(&heard, &vendors);

        let (mut broken, mut again) = good(start);
        broken.interrupts = true;
        broken.cleared = Some(start + Duration::from_millis(280));
        broken.holes = vec![Duration::from_millis(35)];
        broken.late_frames = 2;
        broken.heard.remove(3);
        again.llm_requests = 2;
        tally.add(&broken, &again);

        let mut unanswered = HeardTurn::new(Tag { call: 1, turn: 3 }, true);
        unanswered.stopped = Some(start);
        tally.add(&unanswered, &VendorTurn::default());

        let counts = tally.counts();
        for (name, expected) in [
            ("turns", 3),
            ("unanswered", 1),
            ("interruptions", 2),
            ("interruptions_not_cleared", 1),
            ("holes", 1),
            ("late_frames", 2),
            ("words_missing", 1),
            ("wrong_words", 1),
            ("repeated_llm_requests", 1),
        ] {
            assert_eq!(counts[name], expected, "{name}");
        }
        let cleared = figure(&tally, "interruption_to_clear");
        assert_eq!((cleared.count(), cleared.percentile(1.0)), (1, Some(Duration::from_millis(280))));
        assert_eq!(figure(&tally, "own").count(), 2);
        let turns = tally.turns();
        assert_eq!((&turns[0]["turn"], &turns[0]["own"]), (&json!("c1t2"), &json!(14.0)));
        assert_eq!((&turns[2]["turn"], &turns[2]["own"]), (&json!("c1t3"), &Value::Null));
    }
}
