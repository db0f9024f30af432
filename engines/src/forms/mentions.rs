//! What a sentence says about the arguments of a form.
//!
//! At every word each grammar the form needs is tried, and the longest reading wins, so "four people" is
//! never a time and "ten thirty" never a count. Names and bare numbers come last, from the words nothing
//! else claimed.

use jiff::civil::Date;
use voice_values::code::{CodeShape, almost_code, code_at, international, phone_at};
use voice_values::count::{count_at, is_company};
use voice_values::date::{DateWish, date_at};
use voice_values::more_or_less::count_shift_at;
use voice_values::name::{is_plain, name_at_the_end, name_in};
use voice_values::number::{cardinal, is_pronoun};
use voice_values::people::is_somebody;
use voice_values::time::{TimeWish, is_quantity, time_at};
use voice_values::words::{Word, text_at, text_before};
use voice_values::{Kind, choice_in, email_in};

use super::compile::Field;

/// Something said about an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    Date(DateWish),
    Time(TimeWish),
    Count(u64),
    /// So many more than before, or fewer.
    CountShift(i64),
    /// One of two: "three or four".
    Counts(u64, u64),
    Code(String),
    /// Characters were dictated, but they make no code.
    NoCode(String),
    Phone(String),
    Email(String),
    Choice(String, String),
    Name(String),
    /// A number that could be several things.
    Number(u64),
}

/// Something said, and the words it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) found: Found,
    pub(crate) span: std::ops::Range<usize>,
}

/// Finds everything `words` say about `fields`; `asked` is the field the agent asked for.
pub(crate) fn mentions(
    text: &str,
    words: &[Word],
    fields: &[&Field],
    asked: Option<&Field>,
    today: Date,
) -> Vec<Mention> {
    let mut out = Vec::new();
    let mut claimed = vec![false; words.len()];
    let mut at = 0;
    while at < words.len() {
        match longest(words, at, fields, asked, today) {
            Some((found, used)) if used > 0 => {
                let end = (at + used).min(words.len());
                claimed[at..end].fill(true);
                if !denied(words, at, end) {
                    out.push(Mention { found, span: at..end });
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    // "This afternoon" names the day as well.
    let dated = out.iter().any(|mention| matches!(mention.found, Found::Date(_)));
    let part = out
        .iter()
        .find(|mention| matches!(mention.found, Found::Time(TimeWish::Part(..))))
        .map(|part| part.span.clone());
    if let Some(span) =
        part.filter(|span| !dated && text_at(words, span.start) == "this" && has(fields, |kind| *kind == Kind::Date))
    {
        out.push(Mention { found: Found::Date(DateWish::On(today)), span });
    }
    for field in fields {
        if let Kind::Choice(choices) = &field.kind
            && let Some((value, span)) = choice_in(words, choices)
            && !claimed[span.clone()].contains(&true)
        {
            claimed[span.clone()].fill(true);
            out.push(Mention { found: Found::Choice(field.name.clone(), value), span });
        }
    }
    if has(fields, |kind| *kind == Kind::Email)
        && let Some(email) = email_in(text, words, asked.is_some_and(|asked| asked.kind == Kind::Email))
    {
        claimed.fill(true);
        out.push(Mention { found: Found::Email(email), span: 0..words.len() });
    }
    if has(fields, |kind| *kind == Kind::Name) {
        let loose = asked.is_some_and(|asked| asked.kind == Kind::Name);
        if let Some((name, span)) = name_in(text, words, &|at| !claimed[at], loose) {
            claimed[span.clone()].fill(true);
            out.push(Mention { found: Found::Name(name), span });
        }
    }
    for at in 0..words.len() {
        if claimed[at] || is_pronoun(words, at) || is_quantity(words, at + 1) || is_somebody(text_at(words, at + 1)) {
            continue;
        }
        if let Some((value, used)) = cardinal(words, at).filter(|_| !matches!(text_before(words, at), "not" | "the")) {
            claimed[at..at + used].fill(true);
            if !denied(words, at, at + used) {
                out.push(Mention { found: Found::Number(value), span: at..at + used });
            }
        }
    }
    if has(fields, |kind| *kind == Kind::Count) && counts_heads(words, fields) {
        for mention in &mut out {
            if let Found::Number(number) = mention.found {
                mention.found = Found::Count(number);
            }
        }
    }
    let named = out.iter().any(|mention| matches!(mention.found, Found::Name(_)));
    // "Three, Lindqvist".
    let answered = || asked.is_some_and(|asked| asked.kind == Kind::Count) && words.len() < 4;
    if (out.len() > 1 || (out.len() == 1 && answered()))
        && !named
        && has(fields, |kind| *kind == Kind::Name)
        && let Some((name, span)) = name_at_the_end(text, words, &|at| !claimed[at])
    {
        out.push(Mention { found: Found::Name(name), span });
    }
    out.sort_by_key(|mention| mention.span.start);
    drop_origins(words, &mut out);
    drop_company(words, &mut out);
    join_alternatives(words, &mut out);
    out
}

/// "We're one short, so three": the sentence is about how many, whatever its numbers look like.
fn counts_heads(words: &[Word], fields: &[&Field]) -> bool {
    let more_or_less = |at: usize| matches!(text_at(words, at), "short" | "fewer" | "less" | "more");
    let relative = (0..words.len()).any(|at| more_or_less(at + 1) && cardinal(words, at).is_some());
    relative || words.iter().any(|word| fields.iter().any(|field| field.units.contains(&word.text)))
}

fn has(fields: &[&Field], wanted: impl Fn(&Kind) -> bool) -> bool {
    fields.iter().any(|field| wanted(&field.kind))
}

fn longest(words: &[Word], at: usize, fields: &[&Field], asked: Option<&Field>, today: Date) -> Option<(Found, usize)> {
    let loose = |wanted: &dyn Fn(&Kind) -> bool| asked.is_some_and(|asked| wanted(&asked.kind));
    let is_time = |kind: &Kind| matches!(kind, Kind::Time | Kind::WindowStart | Kind::WindowEnd);
    let mut best: Option<(Found, usize)> = None;
    let mut offer = |found: Option<(Found, usize)>| {
        if let Some((found, used)) = found
            && best.as_ref().is_none_or(|(_, most)| used > *most)
        {
            best = Some((found, used));
        }
    };
    // The asked kind goes first: it wins a tie.
    if loose(&|kind| *kind == Kind::Count) {
        offer(count(words, at, fields, true));
    }
    if has(fields, |kind| *kind == Kind::Date) {
        let loose = loose(&|kind| *kind == Kind::Date);
        offer(date_at(words, at, today, loose).map(|(wish, used)| (Found::Date(wish), used)));
    }
    if has(fields, is_time) {
        let of_time = asked.is_none_or(|asked| asked.kind == Kind::Date || is_time(&asked.kind));
        let loose = loose(&is_time);
        // "I don't care", to "inside or outside?", is about no time.
        let wish = time_at(words, at, loose).filter(|(wish, _)| of_time || *wish != TimeWish::Any);
        offer(wish.map(|(wish, used)| (Found::Time(wish), used)));
    }
    if has(fields, |kind| *kind == Kind::Count) {
        offer(count(words, at, fields, false));
        let shift = count_shift_at(words, at, &units(fields)).filter(|_| !is_company(words, at.saturating_sub(1)));
        offer(shift.map(|(change, used)| (Found::CountShift(change), used)));
    }
    for field in fields {
        let asked = asked.is_some_and(|asked| asked.name == field.name);
        match &field.kind {
            Kind::Code(shape) => {
                offer(code_at(words, at, shape, asked).map(|(code, used)| (Found::Code(code), used)));
                let starts = at == 0 || is_plain(text_before(words, at));
                if asked && starts {
                    offer(
                        almost_code(words, at)
                            .filter(|(said, _)| said.len() > 2 && !hesitates_before_code(words, at, shape))
                            .map(|(said, used)| (Found::NoCode(said), used)),
                    );
                }
            }
            Kind::Phone(prefix) => {
                offer(
                    phone_at(words, at, asked)
                        .map(|(digits, used)| (Found::Phone(international(&digits, prefix)), used)),
                );
            }
            _ => {}
        }
    }
    best
}

fn units(fields: &[&Field]) -> Vec<String> {
    fields.iter().flat_map(|field| field.units.iter().cloned()).collect()
}

fn count(words: &[Word], at: usize, fields: &[&Field], loose: bool) -> Option<(Found, usize)> {
    count_at(words, at, &units(fields), loose).map(|(count, used)| (Found::Count(count), used))
}

/// "A T 2 0 4 …": what a recogniser makes of "uh" is no part of the code behind it.
fn hesitates_before_code(words: &[Word], at: usize, shape: &CodeShape) -> bool {
    matches!(text_at(words, at), "a" | "i" | "eh" | "ok" | "okay") && code_at(words, at + 1, shape, true).is_some()
}

/// "Not Saturday", "instead of nine": said to be taken away.
fn denied(words: &[Word], start: usize, end: usize) -> bool {
    let before = |back: usize| start.checked_sub(back).map_or("", |at| text_at(words, at));
    let lead = usize::from(matches!(before(1), "on" | "at" | "for"));
    let just_before = before(1 + lead);
    matches!(just_before, "not" | "isnt") && !words[start - 1 - lead].ends_clause
        || matches!((before(2 + lead), just_before), ("instead" | "out", "of") | ("rather", "than"))
        || text_at(words, end) == "doesnt" && matches!(text_at(words, end + 1), "work" | "fit" | "suit")
}

/// "The four of us, with two kids": who comes along is already counted.
fn drop_company(words: &[Word], mentions: &mut Vec<Mention>) {
    let company = |mention: &Mention| matches!(mention.found, Found::Count(_)) && is_company(words, mention.span.start);
    let counted = mentions.iter().any(|mention| matches!(mention.found, Found::Count(_)) && !company(mention));
    if counted {
        mentions.retain(|mention| !company(mention));
    }
}

/// "Either Saturday or Sunday", "three, maybe four": one of two, and the caller has to say which.
fn join_alternatives(words: &[Word], mentions: &mut Vec<Mention>) {
    let mut at = 0;
    while at + 1 < mentions.len() {
        let (first, second) = (&mentions[at], &mentions[at + 1]);
        let link: Vec<&str> =
            words.get(first.span.end..second.span.start).unwrap_or_default().iter().map(|w| w.text.as_str()).collect();
        let lead = text_at(words, second.span.start);
        let or = matches!(link.as_slice(), ["or"] | ["or", "maybe" | "perhaps" | "possibly" | "even"])
            || matches!(link.as_slice(), ["maybe" | "perhaps" | "possibly"])
            || (link.is_empty() && lead == "or");
        let joined = match (&first.found, &second.found) {
            (Found::Date(DateWish::On(a)), Found::Date(DateWish::On(b))) if or && a != b => {
                Some(Found::Date(DateWish::Either(vec![*a, *b])))
            }
            (Found::Count(a) | Found::Number(a), Found::Count(b) | Found::Number(b)) if or && a != b => {
                let counts = matches!(first.found, Found::Count(_)) || matches!(second.found, Found::Count(_));
                counts.then_some(Found::Counts(*a, *b))
            }
            _ => None,
        };
        if let Some(found) = joined {
            let span = first.span.start..second.span.end;
            mentions.splice(at..at + 2, [Mention { found, span }]);
        }
        at += 1;
    }
}

/// "My nine o'clock", "the reservation for Friday": what is to be changed, not what it should be.
pub(crate) fn drop_what_is_changed(words: &[Word], mentions: &mut Vec<Mention>) {
    const NOUNS: [&str; 8] = ["reservation", "booking", "appointment", "time", "table", "slot", "round", "game"];
    let old = |mention: &Mention| {
        let start = mention.span.start;
        let lead = usize::from(matches!(text_at(words, start), "for" | "on" | "at" | "from"));
        let before = text_before(words, start + lead - usize::from(lead == 1));
        let linked = matches!(before, "for" | "on" | "at" | "from");
        let noun = if linked { start.checked_sub(2).map_or("", |at| text_at(words, at)) } else { before };
        let is_old = matches!(before, "my" | "our") || ((linked || lead == 1) && NOUNS.contains(&noun));
        is_old && matches!(mention.found, Found::Date(_) | Found::Time(TimeWish::At(_)))
    };
    let told = what_is_booked(words);
    let tells = |mention: &Mention| {
        let of_booking = !matches!(mention.found, Found::Code(_) | Found::NoCode(_) | Found::Name(_) | Found::Phone(_));
        of_booking && told.contains(&mention.span.start)
    };
    mentions.retain(|mention| !old(mention) && !tells(mention));
}

/// "We have a booking tomorrow for four, but …": the words that tell what there is already.
fn what_is_booked(words: &[Word]) -> std::ops::Range<usize> {
    const HAVING: [&str; 8] = ["have", "ive", "weve", "got", "made", "booked", "had", "reserved"];
    const NOUNS: [&str; 5] = ["reservation", "booking", "time", "table", "appointment"];
    const TURNS: [&str; 18] = [
        "and", "but", "can", "could", "need", "want", "wanted", "id", "wed", "like", "so", "change", "move", "make",
        "switch", "cancel", "is", "if",
    ];
    let verb = words.iter().position(|word| HAVING.contains(&word.text.as_str()));
    let noun =
        verb.and_then(|verb| (verb + 1..words.len().min(verb + 5)).find(|at| NOUNS.contains(&text_at(words, *at))));
    let Some(noun) = noun else { return 0..0 };
    let turn = (noun + 1..words.len()).find(|at| TURNS.contains(&text_at(words, *at)));
    noun + 1..turn.unwrap_or(words.len())
}

/// "From Saturday to Sunday": the first of two of a kind is where the caller comes from.
fn drop_origins(words: &[Word], mentions: &mut Vec<Mention>) {
    let same = |a: &Found, b: &Found| std::mem::discriminant(a) == std::mem::discriminant(b);
    let origin = mentions.windows(2).position(|pair| {
        same(&pair[0].found, &pair[1].found)
            && text_before(words, pair[0].span.start) == "from"
            && (text_before(words, pair[1].span.start) == "to" || text_at(words, pair[1].span.start) == "to")
    });
    if let Some(origin) = origin {
        mentions.remove(origin);
    }
}
