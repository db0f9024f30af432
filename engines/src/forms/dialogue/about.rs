//! What an utterance is about: a form it starts, a fact it asks for, an argument it names.

use jiff::ToSpan as _;
use voice_values::Kind;
use voice_values::date::{DateWish, only_weekday};
use voice_values::time::TimeWish;
use voice_values::words::{Word, find};

use super::super::compile::{Field, Form};
use super::super::facts::{self, Fact};
use super::super::intent::{Answer, Move};
use super::super::mentions::{Found, Mention, mentions};
use super::super::trigger;
use super::{Dialogue, Prompt, Utterance};

impl<'a> Dialogue<'a> {
    /// The field an answer is expected for. After "no" to a read-back a bare name is a corrected name:
    /// other values are understood without being asked for.
    pub(super) fn expected(&self, said: &Utterance<'_>) -> Option<&'a Field> {
        let corrects = match self.prompt {
            Prompt::Change => true,
            Prompt::Confirm => said.answer == Answer::No,
            _ => false,
        };
        if corrects { self.form()?.fields.iter().find(|field| field.kind == Kind::Name) } else { self.asked() }
    }

    /// "Sunday", said on a Sunday after the last time of the day, is the Sunday of next week.
    pub(super) fn yet_to_come(&self, mention: Mention, said: &Utterance<'_>) -> Mention {
        match &mention.found {
            Found::Date(DateWish::On(day))
                if *day == self.today()
                    && self.day_is_over()
                    && only_weekday(said.words.get(mention.span.clone()).unwrap_or_default()) =>
            {
                let next = day.checked_add(1.week()).unwrap_or(*day);
                Mention { found: Found::Date(DateWish::On(next)), ..mention }
            }
            _ => mention,
        }
    }

    /// Whether the last time of today is gone, as far as the tools say when that is.
    pub(super) fn day_is_over(&self) -> bool {
        let fields = self.book.forms.iter().flat_map(|form| &form.fields);
        let last = fields.filter(|field| field.kind == Kind::Time).filter_map(|field| field.range).map(|range| range.1);
        last.max().is_some_and(|last| last < self.now.time())
    }

    /// Remembers what a question was about ("how much is it for four on Saturday"), for a booking that may
    /// follow. An open form is not changed by questions.
    pub(super) fn note(&mut self, found: &[Mention], about: Option<usize>) {
        if let (None, Some(about)) = (self.open, about) {
            let (mut values, mut window) = (self.values.clone(), None);
            self.read(&self.book.forms[about], found, &mut values, &mut window);
            self.values = values;
        }
    }

    /// The form a sentence starts, if it starts one.
    pub(super) fn triggered(&self, said: &Utterance<'_>) -> Option<usize> {
        // "Could I move it to Sunday instead?", asked while a cancellation is read back.
        let instead = (said.answer == Answer::No
            || said.words.iter().any(|word| matches!(word.text.as_str(), "instead" | "rather")))
            && self.form().is_some_and(|form| form.fields.iter().all(|field| matches!(field.kind, Kind::Code(_))));
        let wished = without_what_was_done(&said.words);
        let score = |at: usize, form: &Form| {
            let idle = self.open.is_none() || (instead && self.open != Some(at));
            let idle_score = if idle { trigger::best(&form.idle_triggers, &said.words) } else { 0 };
            let words = if form.default { &wished } else { &said.words };
            trigger::best(&form.triggers, words).max(idle_score)
        };
        let offered = self.book.forms.iter().enumerate().filter(|(_, form)| self.offers_tool(&form.tool));
        let scored = offered.map(|(at, form)| (at, score(at, form))).filter(|(_, score)| *score > 0);
        // Of two equally good ones the first defined is meant.
        scored
            .fold(None, |best: Option<(usize, usize)>, hit| best.filter(|best| best.1 >= hit.1).or(Some(hit)))
            .map(|hit| hit.0)
    }

    /// "Book a lesson" is about lessons, and starts no form, unless a tool has that very word.
    pub(super) fn is_about_a_fact(&self, said: &Utterance<'_>, triggered: usize) -> bool {
        let Some(object) = facts::object_of(self.facts, &said.words) else { return false };
        let form = &self.book.forms[triggered];
        let score = |words: &[Word]| trigger::best(&form.triggers, words);
        let words = said.words.iter().enumerate().filter(|(at, _)| !object.contains(at));
        let rest: Vec<Word> = words.map(|(_, word)| word.clone()).collect();
        // "Cancel my booking and get a refund" wants more than the refund.
        let beside = said.words[..object.start].iter().rev().take(3).any(|word| word.text == "and");
        score(&rest) >= score(&said.words) && !beside
    }

    /// "Forget it, we're not coming", in the middle of a booking, cancels no other one.
    pub(super) fn gives_up(&self, said: &Utterance<'_>, triggered: usize) -> bool {
        let faint = || trigger::best(&self.book.forms[triggered].triggers, &said.words) <= trigger::of_words(2);
        said.intent == Some(Move::Abandon) && self.open.is_some_and(|open| open != triggered) && faint()
    }

    /// "And one more person", after a deed, changes what was done.
    pub(super) fn form_to_change(&self, found: &[Mention]) -> Option<usize> {
        let relative =
            |mention: &Mention| matches!(mention.found, Found::CountShift(_) | Found::Time(TimeWish::Shift(_)));
        let changes = self.open.is_none() && self.deed.is_some() && !found.is_empty() && found.iter().all(relative);
        self.book.forms.iter().position(|form| changes && form.need_one_of.is_some() && self.offers_tool(&form.tool))
    }

    /// The form that is meant when nothing is open and the caller gives a code of it: the one that does
    /// something with the values given beside it, or else the first.
    pub(super) fn by_code(&self, said: &Utterance<'_>) -> Option<usize> {
        let has_code = |form: &Form| form.fields.iter().any(|field| matches!(field.kind, Kind::Code(_)));
        if self.form().is_some_and(|form| form.side_effect || has_code(form)) {
            return None;
        }
        let offered = self.book.forms.iter().enumerate().filter(|(_, form)| self.offers_tool(&form.tool));
        let with_code = offered.filter(|(at, _)| {
            let found = mentions(said.text, &said.words, &self.fields_about(*at), None, self.today());
            found.iter().any(|mention| matches!(mention.found, Found::Code(_)))
        });
        with_code.max_by_key(|(at, form)| (form.need_one_of.is_some(), std::cmp::Reverse(*at))).map(|(at, _)| at)
    }

    pub(super) fn recalled(&self, said: &Utterance<'_>) -> Option<String> {
        let (form, deed) = self.deed.as_ref()?;
        (trigger::best(&self.book.forms[*form].recall, &said.words) > 0).then(|| deed.clone())
    }

    pub(super) fn facts_for(&self, said: &Utterance<'_>, found: &[Mention]) -> Vec<&'a Fact> {
        let claimed = |at: usize| {
            found.iter().any(|mention| mention.span.contains(&at) && !matches!(mention.found, Found::Name(_)))
        };
        facts::asked_for(self.facts, &said.words, &|at| !claimed(at))
    }

    /// The facts asked for in other words than those that start a form: "do you have anything open tomorrow" wants no
    /// opening hours.
    pub(super) fn facts_beside(&self, said: &Utterance<'_>, found: &[Mention], form: Option<usize>) -> Vec<&'a Fact> {
        let Some(form) = form.map(|form| &self.book.forms[form]) else { return self.facts_for(said, found) };
        let starts = |word: &Word| form.triggers.iter().any(|trigger| trigger.has(&word.text));
        let claimed = |at: usize| {
            said.words.get(at).is_some_and(starts) || found.iter().any(|mention| mention.span.contains(&at))
        };
        facts::asked_for(self.facts, &said.words, &|at| !claimed(at))
    }

    /// The argument the caller names without giving a value: "the time is wrong".
    pub(super) fn named_field(&self, said: &Utterance<'_>) -> Option<String> {
        let form = self.form()?;
        let changes = matches!(self.prompt, Prompt::NeedOneOf | Prompt::Change);
        let named = form.fields.iter().find(|field| {
            let called = field.called.iter().any(|called| find(&said.words, called).is_some());
            called || changes && said.words.iter().any(|word| field.units.contains(&word.text))
        })?;
        // While another argument is asked for, its name alone may be part of an answer.
        let disputes = said
            .words
            .iter()
            .any(|word| matches!(word.text.as_str(), "wrong" | "incorrect" | "change" | "fix" | "different"));
        let open = !matches!(self.prompt, Prompt::Ask(_)) || disputes;
        (said.words.len() <= 10 && open).then(|| named.name.clone())
    }
}

/// "I booked a tee time last week and need to cancel it" wants nothing booked.
fn without_what_was_done(words: &[Word]) -> Vec<Word> {
    const DONE: [&str; 6] = ["booked", "reserved", "scheduled", "made", "arranged", "got"];
    const SOMEBODY: [&str; 11] = ["i", "we", "ive", "weve", "have", "had", "already", "he", "she", "they", "just"];
    let told = |at: usize| {
        DONE.contains(&words[at].text.as_str()) && at > 0 && SOMEBODY.contains(&words[at - 1].text.as_str())
    };
    words.iter().enumerate().filter(|(at, _)| !told(*at)).map(|(_, word)| word.clone()).collect()
}
