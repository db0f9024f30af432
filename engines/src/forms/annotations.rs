//! What an agent's author writes beside the tool definitions: `[tools.forms]` for one tool, `[forms]` for
//! the agent. These structs are the format; `compile` checks them against the schemas.
//!
//! A *sentence template* may hold `{argument}` or `{result_key}`, spoken as its kind wants (dates, times,
//! codes), `{key|filter}` with one of `date`, `time`, `code`, `phone`, `money`, `number`, `plain`, and
//! `[optional parts]` that are dropped when something inside them is missing.
//!
//! A *trigger* is a list of words that must be said in this order, with at most four other words between
//! two of them: `book|reserve tee_time|slot`. `|` separates alternatives, `_` joins words of one.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `[tools.forms]`: how one tool is talked about.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ToolNotes {
    /// The tool's deed, after "I can": `book a tee time`.
    pub(crate) does: Option<String>,
    /// Whether a sentence with nothing but values ("four of us, Saturday at nine") starts this tool.
    pub(crate) default: bool,
    /// Triggers that start it at any moment.
    pub(crate) triggers: Vec<String>,
    /// Triggers that start it only while no other form is open ("make it ten", after a booking).
    pub(crate) idle_triggers: Vec<String>,
    /// Template said before the call, ending in a question. Has to name every argument of a tool with
    /// side effects.
    pub(crate) read_back: Option<String>,
    /// Template said after it succeeded.
    pub(crate) done: Option<String>,
    /// Triggers that say `done` again ("what was my confirmation code").
    pub(crate) recall: Vec<String>,
    /// Optional arguments of which at least one is needed.
    pub(crate) need_one_of: Option<NeedOneOf>,
    /// Notes on the arguments, by name.
    pub(crate) fields: BTreeMap<String, FieldNotes>,
    /// For a tool that lists things: how to offer them.
    pub(crate) offer: Option<OfferNotes>,
    /// What to say to its errors, by the result's `error`.
    pub(crate) errors: BTreeMap<String, ErrorNotes>,
}

/// Optional arguments of which at least one is needed before the call makes sense.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NeedOneOf {
    /// Names of arguments.
    pub(crate) fields: Vec<String>,
    /// The question, in two wordings.
    pub(crate) ask: [String; 2],
}

/// `[tools.forms.fields.<argument>]`: how one argument is asked for and understood.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FieldNotes {
    /// `date`, `time`, `window_start`, `window_end`, `count`, `name`, `code`, `phone`, `email`, `choice`,
    /// `flag` or `text`. Inferred from the schema when absent.
    pub(crate) kind: Option<String>,
    /// The question, in two wordings. Needed for required arguments.
    pub(crate) ask: Option<[String; 2]>,
    /// Said when the answer was not understood twice: what an answer sounds like.
    pub(crate) hint: Option<String>,
    /// Said when the caller does not know the value and cannot go on.
    pub(crate) unknown: Option<String>,
    /// What callers call it: "the time", "the day".
    pub(crate) called: Vec<String>,
    /// For counts: one of them, many of them, and other words callers use.
    pub(crate) unit: Vec<String>,
    /// For times: the opening range, `HH:MM`. Decides between morning and evening.
    pub(crate) earliest: Option<String>,
    /// For times: the end of the opening range, `HH:MM`.
    pub(crate) latest: Option<String>,
    /// For times: minutes between two possible times, counted from `earliest`.
    pub(crate) step_minutes: Option<u32>,
    /// For dates: whether days gone by are possible. Default `false`.
    pub(crate) past: bool,
    /// For dates: the last possible day, counted from today.
    pub(crate) days_ahead: Option<u32>,
    /// Said to a value outside the bounds, before the question is asked again.
    pub(crate) outside: Option<String>,
    /// Whether the value stays known after the tool succeeded (a name, a confirmation code).
    pub(crate) keep: bool,
    /// For times: the tool that lists what is open when the caller gives a part of the day.
    pub(crate) search: Option<String>,
    /// For codes: the first letters callers leave out. For phones: the country code of national numbers.
    pub(crate) prefix: String,
    /// For choices: what callers say, by the schema's `enum` value.
    pub(crate) choices: BTreeMap<String, Vec<String>>,
}

/// How a list in a result is offered to the caller.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfferNotes {
    /// Key of the list in the result.
    pub(crate) items: String,
    /// Key of the value in an entry; absent when the entries are the values.
    pub(crate) value: Option<String>,
    /// The argument a picked value fills.
    pub(crate) fills: String,
    /// The tool the caller goes on with; absent: the same one.
    pub(crate) tool: Option<String>,
    /// Template of the offer; `{options}` are at most three entries.
    pub(crate) say: String,
    /// Template for a single entry, or one the caller had named; a yes/no question over `{option}`.
    pub(crate) one: String,
    /// Template when what the caller named is not in the list; `{option}` is it, `{options}` the nearest.
    pub(crate) instead: Option<String>,
    /// Template for an empty list; the caller is asked for `none_ask` next.
    pub(crate) none: String,
    /// The argument to ask for after an empty list; absent: the one it fills.
    pub(crate) none_ask: Option<String>,
}

/// What an error of a tool means for the conversation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErrorNotes {
    /// Template over the arguments and the result.
    pub(crate) say: String,
    /// Another choice to offer.
    pub(crate) offer: Option<OfferNotes>,
    /// The argument to ask for again.
    pub(crate) ask: Option<String>,
}

/// `[forms]`: what the agent says whatever it is doing. Everything has an English default.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AgentNotes {
    /// To "what can you do"; absent: a sentence made from the tools' `does`.
    pub(crate) help: Option<String>,
    /// To "talk to a person", when calls cannot be transferred.
    pub(crate) person: String,
    /// Before a transfer to a person.
    pub(crate) transfer: String,
    /// Offers a person after three misses.
    pub(crate) offer_person: String,
    /// After three misses, before `person`, when calls cannot be transferred.
    pub(crate) trouble: String,
    /// To a wish or a question that no tool and no fact answers.
    pub(crate) cannot: String,
    /// To a code that was typed although it has letters.
    pub(crate) typed: String,
    /// Before hanging up.
    pub(crate) goodbye: String,
    /// To "hold on".
    pub(crate) hold: String,
    /// To thanks.
    pub(crate) welcome: String,
    /// To "hello".
    pub(crate) hello: String,
    /// Asks for a wish when none is open.
    pub(crate) open: [String; 2],
    /// After something was done.
    pub(crate) anything_else: String,
    /// What was not understood, first and second time.
    pub(crate) not_understood: [String; 2],
    /// After "no" to a read-back.
    pub(crate) change: String,
    /// When neither yes nor no came.
    pub(crate) yes_or_no: String,
    /// After the caller drops a form.
    pub(crate) abandoned: String,
    /// While a tool is still working.
    pub(crate) in_flight: String,
    /// When a tool failed for a reason no `errors` table knows.
    pub(crate) failed: String,
    /// Kinds that are read back before any tool, even one that only reads.
    pub(crate) confirm: Vec<String>,
    /// What to say to errors of any tool, by the result's `error`.
    pub(crate) errors: BTreeMap<String, ErrorNotes>,
}

impl Default for AgentNotes {
    fn default() -> Self {
        let own = str::to_owned;
        Self {
            help: None,
            person: own("I'm sorry, I can't put you through to a person from here."),
            transfer: own("Of course. Let me put you through."),
            offer_person: own("I'm sorry, I'm having trouble understanding. Would you like to talk to a person?"),
            trouble: own("I'm sorry, I'm having trouble understanding you."),
            cannot: own("I'm not sure I can help with that."),
            typed: own("The keypad has no letters for me, so please say it instead."),
            goodbye: own("Thanks for calling. Goodbye!"),
            hold: own("Sure, take your time."),
            welcome: own("You're welcome."),
            hello: own("Hello!"),
            open: [own("How can I help you?"), own("What can I do for you?")],
            anything_else: own("Is there anything else I can help you with?"),
            not_understood: [own("Sorry, I didn't catch that."), own("I'm sorry, I still didn't get that.")],
            change: own("All right, what would you like to change?"),
            yes_or_no: own("Please say yes or no."),
            abandoned: own("All right, I'll leave it at that."),
            in_flight: own("I'm still working on that, one moment please."),
            failed: own("I'm sorry, that didn't work. Would you like me to try again?"),
            confirm: Vec::new(),
            errors: BTreeMap::new(),
        }
    }
}
