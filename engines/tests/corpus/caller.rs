//! A caller with a goal, who hears what the agent says and answers it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::script::Call;
use super::telephone::Telephone;
use super::{Outcome, Stages};

/// Turns beyond those allowed, after which nobody would stay on the line.
const PATIENCE: usize = 3;

/// One call of the corpus.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Goal {
    id: String,
    #[serde(rename = "style")]
    _style: String,
    #[serde(rename = "note")]
    _note: String,
    agent: String,
    clock: Option<String>,
    opening: Vec<String>,
    otherwise: Option<String>,
    #[serde(default)]
    on: Vec<Reaction>,
    expect: Expected,
}

/// What the caller says to a reply.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reaction {
    hears: Vec<String>,
    #[serde(default)]
    once: bool,
    says: Vec<String>,
    #[serde(default)]
    must_hear: Vec<String>,
    #[serde(default)]
    otherwise: BTreeMap<String, String>,
}

/// What has to come of the call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    writes: Vec<Write>,
    answers: Vec<String>,
    #[serde(default)]
    name_may_be: Vec<String>,
    max_caller_turns: usize,
}

/// A tool call that changes something.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Write {
    tool: String,
    arguments: Value,
}

impl Goal {
    /// Reads a file of the corpus.
    ///
    /// # Panics
    /// When the file is not of the format.
    pub(crate) fn read(text: &str) -> Self {
        toml::from_str(text).unwrap_or_else(|error| panic!("not a call of the corpus: {error}"))
    }

    /// Plays the call: as text, or with every line of the caller over a telephone line.
    pub(crate) fn play(&self, stages: &Stages, telephone: Option<&Telephone>) -> Outcome {
        let stage = stages.of(&self.agent);
        let mut call = stage.call();
        if let Some(clock) = &self.clock {
            clock.clone_into(&mut call.clock);
        }
        let mut memory = Memory { used: vec![0; self.on.len()], ..Memory::default() };
        let (mut told, mut answers, mut writes, mut turns) = (String::new(), String::new(), Vec::new(), 0);
        while !call.ended && turns < self.expect.max_caller_turns + PATIENCE {
            let line = self.next_line(&call, turns, telephone.is_some(), &mut memory);
            let heard = telephone.map_or_else(|| line.clone(), |telephone| telephone.carries(&self.agent, &line));
            call.says(&heard);
            turns += 1;
            answers.push_str(&call.reply.to_lowercase());
            writes.extend(call.calls.iter().filter(|made| stage.writes.contains(&made.0)).cloned());
            let as_heard = if heard == line { String::new() } else { format!(" [heard: {heard}]") };
            told.push_str(&format!("  caller: {line}{as_heard}\n  agent: {}  {:?}\n", call.reply, call.calls));
        }
        let wrong_writes = self.unwanted(&writes, telephone.is_some());
        let failure = self.failure(&call, &writes, &wrong_writes, &answers, turns);
        Outcome { id: self.id.clone(), failure, wrong_writes, turns, told }
    }

    /// What the caller says now.
    fn next_line(&self, call: &Call<'_>, turns: usize, audio: bool, memory: &mut Memory) -> String {
        let reply = call.reply.to_lowercase();
        let right_name = audio && self.hears_the_name(&call.reply);
        let hears = |wanted: &String| reply.contains(&wanted.to_lowercase());
        let matching = self.on.iter().enumerate().find(|(at, reaction)| {
            turns > 0 && !(reaction.once && memory.used[*at] > 0) && reaction.hears.iter().any(hears)
        });
        let line = match matching {
            None if turns < self.opening.len() && memory.unmatched == turns => {
                memory.unmatched += 1;
                self.opening[turns].clone()
            }
            // "What would you like to change?": what was just corrected, and more clearly.
            None if memory.corrected > 0 => {
                memory.corrected += 1;
                more_clearly(&memory.correction, memory.corrected)
            }
            None => {
                memory.lost += 1;
                match (&self.otherwise, memory.lost) {
                    (Some(otherwise), _) => otherwise.clone(),
                    (None, 1) => memory.last.clone(),
                    (None, _) => "sorry, what did you say?".to_owned(),
                }
            }
            Some((at, reaction)) => {
                let understood =
                    |wanted: &&String| hears(wanted) || (right_name && self.expect.name_may_be.contains(wanted));
                let missing = reaction.must_hear.iter().find(|wanted| !understood(wanted));
                let correction = missing.and_then(|missing| reaction.otherwise.get(missing));
                if let Some(correction) = correction {
                    memory.corrected = if memory.correction == *correction { memory.corrected + 1 } else { 1 };
                    memory.correction.clone_from(correction);
                    more_clearly(correction, memory.corrected)
                } else {
                    memory.corrected = 0;
                    let turn = memory.used[at];
                    memory.used[at] += 1;
                    reaction.says[turn.min(reaction.says.len() - 1)].clone()
                }
            }
        };
        memory.last.clone_from(&line);
        line
    }

    /// Whether the reply has one of the spellings nobody can tell apart by ear.
    /// "Vas Vos" is not the name "Vos".
    fn hears_the_name(&self, reply: &str) -> bool {
        let part_of_a_name = |word: Option<&str>| word.is_some_and(|word| word.starts_with(char::is_uppercase));
        self.expect.name_may_be.iter().any(|name| {
            reply.match_indices(name.as_str()).any(|(at, _)| {
                let before = reply[..at].split_whitespace().next_back();
                let after = reply[at + name.len()..].strip_prefix(' ').and_then(|rest| rest.split(' ').next());
                !part_of_a_name(before) && !part_of_a_name(after)
            })
        })
    }

    /// The writes that are not expected, or are made once more than expected.
    fn unwanted(&self, writes: &[(String, Value)], audio: bool) -> Vec<String> {
        let mut expected: Vec<&Write> = self.expect.writes.iter().collect();
        let unwanted = writes.iter().filter(|made| {
            let place = expected.iter().position(|write| self.same(write, made, audio));
            place.map(|place| expected.remove(place)).is_none()
        });
        unwanted.map(|(tool, arguments)| format!("{tool} {arguments}")).collect()
    }

    fn same(&self, expected: &Write, (tool, arguments): &(String, Value), audio: bool) -> bool {
        let (mut wanted, made) = (expected.arguments.clone(), arguments);
        for (key, wanted) in
            wanted.as_object_mut().into_iter().flatten().filter(|(key, _)| audio && key.ends_with("name"))
        {
            let name = made[key.as_str()].as_str().unwrap_or_default();
            let spellings = self.expect.name_may_be.iter().map(String::as_str).chain(wanted.as_str());
            if spellings.into_iter().any(|spelling| spelling.eq_ignore_ascii_case(name)) {
                *wanted = name.into();
            }
        }
        expected.tool == *tool && wanted == *made
    }

    fn failure(
        &self,
        call: &Call<'_>,
        writes: &[(String, Value)],
        wrong: &[String],
        answers: &str,
        turns: usize,
    ) -> Option<String> {
        if let Some(wrong) = wrong.first() {
            return Some(format!("wrote {wrong}"));
        }
        if let Some(missing) = self.expect.writes.get(writes.len()) {
            return Some(format!("never called {} {}", missing.tool, missing.arguments));
        }
        let in_order = self.expect.writes.iter().zip(writes).all(|(wanted, made)| wanted.tool == made.0);
        if !in_order {
            return Some("wrote in another order".to_owned());
        }
        if let Some(missing) = self.expect.answers.iter().find(|answer| !answers.contains(&answer.to_lowercase())) {
            return Some(format!("never said {missing:?}"));
        }
        if !call.ended {
            return Some(format!("the call goes on after {turns} turns"));
        }
        (turns > self.expect.max_caller_turns)
            .then(|| format!("took {turns} turns instead of {}", self.expect.max_caller_turns))
    }
}

/// A correction as people say it the `time`th time: letters first with pauses, then with a word for each.
fn more_clearly(correction: &str, time: usize) -> String {
    const ALPHABET: [&str; 26] = [
        "Alpha", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf", "Hotel", "India", "Juliet", "Kilo", "Lima",
        "Mike", "November", "Oscar", "Papa", "Quebec", "Romeo", "Sierra", "Tango", "Uniform", "Victor", "Whiskey",
        "X-ray", "Yankee", "Zulu",
    ];
    let bare = |word: &str| word.trim_end_matches(['.', ',']).to_owned();
    let spelled = |word: &&str| bare(word).len() == 1 && bare(word).bytes().all(|byte| byte.is_ascii_uppercase());
    let letters: Vec<String> = correction.split_whitespace().filter(spelled).map(bare).collect();
    if time < 2 || letters.len() < 2 {
        return correction.to_owned();
    }
    if time.is_multiple_of(2) {
        return letters.join(", ") + ".";
    }
    let word = |letter: &String| {
        let at = letter.bytes().next().map_or(0, |byte| usize::from(byte - b'A'));
        format!("{letter} as in {}", ALPHABET[at])
    };
    letters.iter().map(word).collect::<Vec<_>>().join(", ") + "."
}

/// What the caller said so far.
#[derive(Debug, Default)]
struct Memory {
    /// How often each reaction was used.
    used: Vec<usize>,
    /// The last correction of a read-back, and how often it was said since one was last accepted.
    correction: String,
    corrected: usize,
    /// Replies in a row, from the start, that no reaction matched.
    unmatched: usize,
    /// Replies in which the caller made out nothing.
    lost: usize,
    last: String,
}
