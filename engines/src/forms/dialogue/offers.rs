//! Offers: a few values the caller picks from ("the first one", "nine twenty", "anything later?").

use jiff::ToSpan as _;
use voice_values::date::DateWish;
use voice_values::time::{TimeWish, resolve};
use voice_values::words::{Word, find, phrase, text_at};
use voice_values::{Kind, Value};

use super::super::intent::{Answer, Move};
use super::super::mentions::{Found, Mention, mentions};
use super::{Dialogue, Offer, Prompt, Utterance};

/// Values offered at once: more than three cannot be kept in mind.
pub(super) const MOST_OFFERED: usize = 3;

/// What the caller does with an offer.
enum Pick {
    /// This one.
    One(usize),
    /// Later or more ones.
    Later,
    /// Earlier ones.
    Earlier,
}

impl Dialogue<'_> {
    /// The answer to an offer. True when it was one.
    pub(super) fn pick(
        &mut self,
        said: &Utterance<'_>,
        found: &[Mention],
        triggered: Option<usize>,
        offer: &Offer,
    ) -> bool {
        let dated = found.iter().any(|mention| matches!(mention.found, Found::Date(_) | Found::Time(TimeWish::At(_))));
        match picked(said, offer).filter(|_| !dated) {
            Some(Pick::Later) if self.goes_beyond(offer, true) => return true,
            Some(Pick::Earlier) if self.goes_beyond(offer, false) => return true,
            _ => {}
        }
        if triggered.is_some() && triggered != Some(offer.form) && triggered != self.open {
            return false;
        }
        if let Some(value) = self.named_option(found, offer).or_else(|| in_half(said, offer)) {
            self.note_name(found, offer);
            self.take(offer, value);
            return true;
        }
        // "Would you like to book it?" "It's for Fitzgerald."
        if offer.options.len() == 1
            && triggered.is_none()
            && said.answer != Answer::No
            && !found.is_empty()
            && found.iter().all(|mention| matches!(mention.found, Found::Name(_)))
        {
            self.note_name(found, offer);
            self.take(offer, offer.options[0].clone());
            return true;
        }
        if let [only] = said.words.as_slice()
            && let Some(at) = only.text.parse::<usize>().ok().and_then(|place| place.checked_sub(1))
            && at < offer.options.len()
        {
            // A lone digit, typed or said, is a place in the list.
            self.take(offer, offer.options[at].clone());
            return true;
        }
        if let Some(wish) = self.other_time(found, offer)
            && !offer.all.is_empty()
        {
            self.say_instead(offer, &wish);
            return true;
        }
        let fills = found
            .iter()
            .any(|mention| !matches!(mention.found, Found::Number(_) | Found::Time(TimeWish::Any) | Found::Name(_)));
        let named = !found.is_empty() && found.iter().all(|mention| matches!(mention.found, Found::Name(_)));
        let named = if named { Some(found.to_vec()) } else { self.bare_name(said, found, offer) };
        if let Some(named) = named.filter(|_| triggered.is_none() && picked(said, offer).is_none()) {
            self.note_name(&named, offer);
            self.say(offer.question.clone());
            return true;
        }
        if fills && self.form().is_some_and(|form| self.known_again(form, found)) && said.answer == Answer::Neither {
            self.say(offer.question.clone());
            return true;
        }
        if fills {
            return false;
        }
        match picked(said, offer) {
            Some(Pick::One(at)) => self.take(offer, offer.options[at].clone()),
            _ => match said.answer {
                Answer::Yes if offer.options.len() == 1 => self.take(offer, offer.options[0].clone()),
                Answer::Yes => self.narrow(offer),
                Answer::No if !matches!(said.intent, Some(Move::Leave | Move::Abandon)) => {
                    let name = offer.none_ask.clone();
                    self.ask_anew(&name);
                }
                _ => return false,
            },
        }
        true
    }

    /// "Yes", to "which would you like?": the first is asked for by itself.
    fn narrow(&mut self, offer: &Offer) {
        let Some((name, value)) = offer.options.first().cloned() else { return };
        let Some(field) = self.book.forms[offer.form].field(&name).or_else(|| self.field(&name)) else { return };
        let question = format!("Shall we say {}?", self.spoken_value(field, &value, None));
        self.say(question.clone());
        self.prompt = Prompt::Offer(Offer { options: vec![(name, value)], question, ..offer.clone() });
    }

    /// "What about a little later?", when a time was chosen already: what lies beyond it is looked up.
    pub(super) fn search_around(&mut self, later: bool) -> bool {
        let Some(form) = self.open else { return false };
        let chosen = self.book.forms[form].fields.iter().find_map(|field| {
            let time = self.values.get(&field.name).filter(|_| field.search.is_some())?;
            Some((field.name.clone(), time.clone()))
        });
        let Some(chosen) = chosen else { return false };
        let none_ask = chosen.0.clone();
        let offer = Offer { options: vec![chosen], all: Vec::new(), form, question: String::new(), none_ask };
        self.search_beyond(&offer, later)
    }

    /// The option, or another possible value, that the caller named.
    fn named_option(&self, found: &[Mention], offer: &Offer) -> Option<(String, Value)> {
        let form = &self.book.forms[offer.form];
        found
            .iter()
            .find_map(|mention| {
                offer.options.iter().find(|(name, value)| {
                    let Some(field) = form.field(name).or_else(|| self.field(name)) else { return false };
                    match (&mention.found, value) {
                        (Found::Time(TimeWish::At(clock)), Value::Time(time)) => {
                            resolve(*clock, None, field.range).contains(time)
                        }
                        (Found::Date(DateWish::On(day)), Value::Date(option)) => day == option,
                        (Found::Count(count), Value::Count(option)) => count == option,
                        (Found::Number(number), Value::Count(option)) => !offer.is_mixed() && number == option,
                        _ => false,
                    }
                })
            })
            .cloned()
            .or_else(|| {
                let Value::Time(time) = self.other_time(found, offer)? else { return None };
                let open = offer.all.contains(&Value::Time(time));
                open.then(|| Some((offer.options.first()?.0.clone(), Value::Time(time)))).flatten()
            })
    }

    /// A time the caller named that was not among those offered.
    fn other_time(&self, found: &[Mention], offer: &Offer) -> Option<Value> {
        let field = self.book.forms[offer.form].field(&offer.options.first()?.0)?;
        if field.kind != Kind::Time
            || found.iter().any(|mention| matches!(mention.found, Found::Date(_) | Found::Count(_)))
        {
            return None;
        }
        found.iter().find_map(|mention| match mention.found {
            Found::Time(TimeWish::At(clock)) => resolve(clock, None, field.range).first().copied().map(Value::Time),
            _ => None,
        })
    }

    /// "Robinson", to "which would you like?".
    fn bare_name(&self, said: &Utterance<'_>, found: &[Mention], offer: &Offer) -> Option<Vec<Mention>> {
        let silent =
            found.is_empty() && said.answer == Answer::Neither && said.intent.is_none() && said.words.len() < 4;
        let name = self.book.forms[offer.form].fields.iter().find(|field| silent && field.kind == Kind::Name)?;
        let named = mentions(said.text, &said.words, &[name], Some(name), self.today());
        (!named.is_empty()).then_some(named)
    }

    /// "Nine twenty, under Vega".
    fn note_name(&mut self, found: &[Mention], offer: &Offer) {
        let name = found.iter().find_map(|mention| match &mention.found {
            Found::Name(name) => Some(name.clone()),
            _ => None,
        });
        let field = self.book.forms[offer.form].fields.iter().find(|field| field.kind == Kind::Name);
        if let (Some(name), Some(field)) = (name, field) {
            self.values.insert(field.name.clone(), Value::Text(name));
        }
    }

    fn take(&mut self, offer: &Offer, (name, value): (String, Value)) {
        // A day that was picked leaves "in the afternoon" as it was said.
        if matches!(value, Value::Time(_)) {
            self.window = None;
            self.wants_latest = false;
        }
        self.values.insert(name.clone(), value);
        self.open = Some(offer.form);
        let echo = self.echo(&[name]).filter(|_| !self.reads_back_next());
        self.proceed(echo.into_iter().collect());
    }

    /// Offers what lies after or before an offer. False when nothing can.
    fn goes_beyond(&mut self, offer: &Offer, later: bool) -> bool {
        if offer.all.is_empty() {
            return self.search_beyond(offer, later);
        }
        self.offer_beyond(offer, later);
        true
    }

    /// Searches for times after the last offered, or before the first, where the list itself ends.
    fn search_beyond(&mut self, offer: &Offer, later: bool) -> bool {
        let edge = if later { offer.options.last() } else { offer.options.first() };
        let Some((name, Value::Time(time))) = edge else { return false };
        if self.book.forms[offer.form].field(name).is_none_or(|field| field.search.is_none()) {
            return false;
        }
        let minute = 1.minute();
        let beyond = if later { time.checked_add(minute) } else { time.checked_sub(minute) };
        let Ok(beyond) = beyond else { return false };
        self.window = Some(if later { (Some(beyond), None) } else { (None, Some(beyond)) });
        self.values.remove(name);
        self.open = Some(offer.form);
        self.proceed(Vec::new());
        true
    }

    /// The next ones after the last offered, or those before the first.
    fn offer_beyond(&mut self, offer: &Offer, later: bool) {
        let place = |option: Option<&(String, Value)>| {
            offer.all.iter().position(|value| option.is_some_and(|option| option.1 == *value))
        };
        let range = if later {
            let from = place(offer.options.last()).map_or(0, |at| at + 1);
            from..offer.all.len().min(from + MOST_OFFERED)
        } else {
            let to = place(offer.options.first()).unwrap_or(0);
            to.saturating_sub(MOST_OFFERED)..to
        };
        let next: Vec<Value> = offer.all.get(range).unwrap_or_default().to_vec();
        if next.is_empty() {
            self.say(if later { "There is nothing later." } else { "There is nothing earlier." });
            return self.say(offer.question.clone());
        }
        self.put_offer(offer, next, None);
    }
}

/// "In the evening", "pm": the only option in that half of the day.
fn in_half(said: &Utterance<'_>, offer: &Offer) -> Option<(String, Value)> {
    let says = |wanted: &[&str]| said.words.iter().any(|word| wanted.contains(&word.text.as_str()));
    let (am, pm) = (says(&["am", "morning", "breakfast"]), says(&["pm", "afternoon", "evening", "night", "tonight"]));
    let fits = |value: &Value| matches!(value, Value::Time(time) if (time.hour() < 12) == am);
    let mut inside = offer.options.iter().filter(|(_, value)| am != pm && fits(value));
    inside.next().filter(|_| inside.next().is_none()).cloned()
}

/// "The first one", "the later one", "the last", "either".
fn picked(said: &Utterance<'_>, offer: &Offer) -> Option<Pick> {
    let says = |wanted: &[&str]| wanted.iter().any(|wanted| find(&said.words, &phrase(wanted)).is_some());
    let last = offer.options.len().checked_sub(1)?;
    let one = |at: usize| (at <= last).then_some(Pick::One(at));
    if said.words.len() > 12 {
        return None;
    }
    match direction(&said.words) {
        Some(true) => return Some(Pick::Later),
        Some(false) => return Some(Pick::Earlier),
        None => {}
    }
    if says(&[
        "first",
        "earliest",
        "earlier one",
        "earlier",
        "former",
        "either",
        "any of them",
        "any of those",
        "any",
        "doesnt matter",
        "dont care",
        "number one",
    ]) {
        return one(0);
    }
    if says(&["middle"]) {
        return one(last / 2);
    }
    if says(&["last", "latest", "later one", "latter", "latest one"]) {
        return one(last);
    }
    let moment =
        ["a", "one", "just"].iter().any(|word| find(&said.words, &phrase(&format!("{word} second"))).is_some());
    if says(&["second", "number two"]) && !moment {
        return one(1);
    }
    if says(&["third", "number three"]) {
        return one(2);
    }
    match text_at(&said.words, 0) {
        "later" if offer.all.is_empty() => one(last),
        "later" => Some(Pick::Later),
        _ => None,
    }
}

/// Whether something later is wanted than what was named or offered, or something earlier.
pub(super) fn direction(words: &[Word]) -> Option<bool> {
    const LATER: [&str; 15] = [
        "too early",
        "anything later",
        "something later",
        "any later",
        "later than",
        "a bit later",
        "what else",
        "anything else",
        "something else",
        "more times",
        "other times",
        "others",
        "little later",
        "a later time",
        "later in the day",
    ];
    const EARLIER: [&str; 9] = [
        "too late",
        "anything earlier",
        "something earlier",
        "any earlier",
        "earlier than",
        "a bit earlier",
        "little earlier",
        "anything sooner",
        "an earlier time",
    ];
    let says = |wanted: &[&str]| wanted.iter().any(|wanted| find(words, &phrase(wanted)).is_some());
    if says(&LATER) { Some(true) } else { says(&EARLIER).then_some(false) }
}
