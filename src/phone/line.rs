//! The carrier's end of a call without its sockets: what is sent every 20 ms, what is played, and
//! what the caller's ear notices.
//!
//! [`Line`] is told what the gateway sent ([`Line::receive`]) and ticks every 20 ms
//! ([`Line::tick`]); [`Line::poll_output`] gives the messages to send and the events to report.
//! Drain it after every call. Time is an argument.
//!
//! What always holds:
//! - every tick sends 20 ms of the caller, before anything else that the tick brings about;
//! - both legs of the recording grow by 20 ms a tick, so they stay in step;
//! - a wrong message of the gateway is ignored, and reported once per stream (warning 31951).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use voice_pipeline::audio::ulaw::{self, SILENCE};
use voice_pipeline::net::websocket::WsMessage;
use voice_pipeline::time::CallTime;

use super::caller::{Chopper, Keypad, Mouth};
use super::carrier::{self, Fault, GatewayMessage, Messages, Sids};
use super::events::PhoneEvent;
use super::latency::{TurnLatency, TurnTimer};
use super::playout::{self, HeardSpan, Playout};
use super::speech_activity::SpeechActivity;
use super::{FRAME_BYTES, PhoneSettings, duration_of};

/// A pause inside queued audio that is longer than this many times the finishing silence ends the
/// agent's speech too: some gateways fill the line with silence.
const FILLED_SILENCE_FACTOR: u32 = 3;

/// Twilio's number for a message it does not understand.
const INVALID_MESSAGE: u32 = 31_951;

/// Something for the driver to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send this to the gateway.
    Send(WsMessage),
    /// Report this.
    Report(PhoneEvent),
}

/// What the caller's ear knows about the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AgentVoice {
    /// Since when the agent is speaking; `None` while it is silent.
    pub speaking_since: Option<CallTime>,
    /// When it was last audible.
    pub last_audible: Option<CallTime>,
    /// Audio waiting to be played.
    pub queued: Duration,
}

/// Both legs of a call, μ-law, in step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Legs {
    /// What the caller said.
    pub caller: Vec<u8>,
    /// What the caller heard.
    pub agent: Vec<u8>,
}

/// The carrier's end of one call.
pub struct Line {
    sids: Sids,
    agent_finished_after: Duration,
    unknown_messages: bool,
    chopping: super::caller::Chopping,

    messages: Messages,
    chopper: Chopper,
    warned: bool,
    media_paused: bool,

    mouth: Mouth,
    keypad: Keypad,
    playout: Playout,
    activity: SpeechActivity,
    voice: AgentVoice,
    timer: TurnTimer,

    legs: Legs,
    latencies: Vec<TurnLatency>,
    anybody_audible: Option<CallTime>,
    longest_silence: Duration,
    output: VecDeque<Output>,
}

impl Line {
    /// The line of a call with these ids.
    pub fn new(sids: Sids, settings: &PhoneSettings) -> Self {
        let chopping = settings.faults.chopping.clone();
        Self {
            messages: Messages::new(sids.clone(), String::new(), false),
            sids,
            agent_finished_after: settings.agent_finished_after,
            unknown_messages: settings.faults.unknown_messages,
            chopper: Chopper::new(chopping.clone()),
            chopping,
            warned: false,
            media_paused: false,
            mouth: Mouth::default(),
            keypad: Keypad::default(),
            playout: Playout::default(),
            activity: SpeechActivity::default(),
            voice: AgentVoice::default(),
            timer: TurnTimer::default(),
            legs: Legs::default(),
            latencies: Vec::new(),
            anybody_audible: None,
            longest_silence: Duration::ZERO,
            output: VecDeque::new(),
        }
    }

    /// A new stream begins: sends `connected`.
    pub fn connect(&mut self, stream_sid: String) {
        self.messages = Messages::new(self.sids.clone(), stream_sid, self.unknown_messages);
        self.chopper = Chopper::new(self.chopping.clone());
        self.playout.clear();
        self.warned = false;
        self.send(Messages::connected());
    }

    /// Sends `start`.
    pub fn start(&mut self, now: CallTime, parameters: &BTreeMap<String, String>) {
        if self.unknown_messages {
            let unknown = self.messages.unknown_event();
            self.send(unknown);
        }
        let start = self.messages.start(parameters);
        self.send(start);
        self.report(PhoneEvent::StreamStarted { at: now });
    }

    /// Says these samples (8 kHz) after what is already being said. Gives the place in the line at
    /// which they have been said, to compare with [`Line::said`].
    pub fn speak(&mut self, samples: &[i16]) -> u64 {
        self.mouth.queue(samples)
    }

    /// How much of what was to be said has been said.
    pub fn said(&self) -> u64 {
        self.mouth.said()
    }

    /// Presses keys, one every 100 ms.
    pub fn press(&mut self, digits: impl IntoIterator<Item = char>) {
        self.keypad.queue(digits);
    }

    /// Stops or resumes sending the caller's audio, as a carrier in trouble does.
    pub fn pause_media(&mut self, paused: bool) {
        self.media_paused = paused;
    }

    /// Sends something that is no message of a carrier.
    pub fn send_raw(&mut self, message: WsMessage) {
        self.output.push_back(Output::Send(message));
    }

    /// The caller hangs up: sends `stop`.
    pub fn stop(&mut self) {
        let stop = self.messages.stop();
        self.send(stop);
    }

    /// The stream is over: nothing more is played.
    pub fn disconnect(&mut self) {
        self.playout.clear();
        self.agent_fell_silent();
    }

    /// A message of the gateway arrived.
    pub fn receive(&mut self, now: CallTime, message: &WsMessage) {
        let read = match message {
            WsMessage::Binary(_) => Err(Fault::Binary),
            WsMessage::Text(text) => carrier::read(text, self.messages.stream_sid()),
        };
        match read {
            Ok(GatewayMessage::Media(audio)) => {
                let length = duration_of(audio.len());
                match self.playout.queue_audio(now, audio) {
                    Ok(()) => self.report(PhoneEvent::AgentAudio { at: now, length }),
                    Err(full) => self.warn(now, full.to_string()),
                }
            }
            Ok(GatewayMessage::Mark(name)) => match self.playout.queue_mark(name) {
                Ok(Some(name)) => self.echo(now, name, true),
                Ok(None) => {}
                Err(full) => self.warn(now, full.to_string()),
            },
            Ok(GatewayMessage::Clear) => {
                let dropped = self.playout.clear();
                self.report(PhoneEvent::Cleared { at: now, dropped: dropped.audio });
                self.agent_fell_silent();
                for name in dropped.marks {
                    self.echo(now, name, false);
                }
            }
            Err(fault) => self.warn(now, fault.to_string()),
        }
        self.voice.queued = self.playout.queued();
    }

    /// 20 ms have passed.
    pub fn tick(&mut self, now: CallTime) {
        self.tick_caller(now);
        self.tick_agent(now);
        if let Some(digit) = self.keypad.tick(now) {
            let dtmf = self.messages.dtmf(digit);
            self.send(dtmf);
        }
    }

    /// What the driver has to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// What the caller's ear knows about the agent.
    pub fn voice(&self) -> AgentVoice {
        self.voice
    }

    /// What was really played, in order.
    pub fn heard(&self) -> &[HeardSpan] {
        self.playout.heard()
    }

    /// What the caller heard between two moments, at 8 kHz; silence where nothing was played.
    pub fn heard_between(&self, from: CallTime, until: CallTime) -> Vec<i16> {
        playout::heard_between(self.heard(), from, until)
    }

    /// Both legs so far.
    pub fn legs(&self) -> &Legs {
        &self.legs
    }

    /// The latency of every reply so far.
    pub fn latencies(&self) -> &[TurnLatency] {
        &self.latencies
    }

    /// The longest time in which nobody was audible, after the first sound.
    pub fn longest_silence(&self) -> Duration {
        self.longest_silence
    }

    fn tick_caller(&mut self, now: CallTime) {
        let frame = self.mouth.tick(now);
        if !self.media_paused {
            for part in self.chopper.push(&frame.ulaw) {
                let media = self.messages.media(&part);
                self.send(media);
            }
        }
        if let (Some(from), Some(until)) = (frame.audible_from, frame.audible_until) {
            self.audible(from, until);
            self.timer.caller_speaks();
            if frame.utterance_ends {
                let audible = |last: CallTime| until - last < super::FRAME * 10;
                let talked_over = self.voice.speaking_since.is_some() && self.voice.last_audible.is_some_and(audible);
                self.timer.caller_stopped(until, talked_over);
            }
        }
        self.legs.caller.extend_from_slice(&frame.ulaw);
        if self.unknown_messages && self.legs.caller.len().is_multiple_of(50 * FRAME_BYTES) {
            let unknown = self.messages.unknown_event();
            self.send(unknown);
        }
    }

    fn tick_agent(&mut self, now: CallTime) {
        let tick = self.playout.tick(now);
        self.voice.queued = self.playout.queued();
        match tick.frame {
            Some(frame) => {
                self.legs.agent.extend_from_slice(&frame.ulaw);
                self.hear(now, &frame.ulaw, frame.arrived);
            }
            None => self.legs.agent.extend_from_slice(&[SILENCE; FRAME_BYTES]),
        }
        for name in tick.marks {
            self.echo(now, name, true);
        }
        let silent_for = self.voice.last_audible.map_or(Duration::ZERO, |last| now - last);
        let drained = self.playout.is_empty() && silent_for >= self.agent_finished_after;
        if drained || silent_for >= self.agent_finished_after * FILLED_SILENCE_FACTOR {
            self.agent_fell_silent();
        }
    }

    /// The caller hears a frame of the agent.
    fn hear(&mut self, now: CallTime, frame: &[u8], arrived: CallTime) {
        let samples: Vec<i16> = frame.iter().map(|&byte| ulaw::decode(byte)).collect();
        let audible = self.activity.feed(&samples);
        let audible = audible.map(|part| (now + duration_of(part.start), now + duration_of(part.end)));
        let fresh = self.voice.speaking_since.is_none();
        if let Some((from, until)) = audible {
            if fresh {
                self.voice.speaking_since = Some(from);
                self.report(PhoneEvent::AgentStartedSpeaking { at: from });
            }
            self.voice.last_audible = Some(until);
            self.audible(from, until);
        }
        let from = audible.map(|(from, _)| from);
        if let Some(latency) = self.timer.agent_played(arrived, now, from, fresh) {
            self.latencies.push(latency);
            self.report(PhoneEvent::Answered(latency));
        }
    }

    fn agent_fell_silent(&mut self) {
        self.timer.agent_stopped();
        self.voice.queued = self.playout.queued();
        if self.voice.speaking_since.take().is_some() {
            let at = self.voice.last_audible.unwrap_or_default();
            self.report(PhoneEvent::AgentStoppedSpeaking { at });
        }
    }

    /// Somebody can be heard in this span.
    fn audible(&mut self, from: CallTime, until: CallTime) {
        if let Some(last) = self.anybody_audible {
            self.longest_silence = self.longest_silence.max(from - last);
        }
        self.anybody_audible = self.anybody_audible.max(Some(until));
    }

    fn echo(&mut self, now: CallTime, name: String, played: bool) {
        let mark = self.messages.mark(&name);
        self.send(mark);
        self.report(PhoneEvent::MarkEchoed { at: now, name, played });
    }

    fn warn(&mut self, now: CallTime, what: String) {
        if !std::mem::replace(&mut self.warned, true) {
            self.report(PhoneEvent::Warning { at: now, code: INVALID_MESSAGE, what });
        }
    }

    fn send(&mut self, text: String) {
        self.output.push_back(Output::Send(WsMessage::Text(text.into())));
    }

    fn report(&mut self, event: PhoneEvent) {
        self.output.push_back(Output::Report(event));
    }
}

#[cfg(test)]
mod tests;
