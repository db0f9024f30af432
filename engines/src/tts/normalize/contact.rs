//! Reads what a caller may want to write down: phone numbers, extensions, codes, e-mail and web
//! addresses. Digits are read one by one, in groups parted by a pause.

use super::super::numbers::{cardinal, digits};
use super::super::tokens::Script;
use super::{Ahead, Chunk, Reading, spelled};

pub(super) fn read(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    email(ahead.core(0), script)
        .or_else(|| web_address(ahead.core(0), script))
        .or_else(|| extension(ahead, script))
        .or_else(|| phone_number(ahead, script))
        .or_else(|| code(ahead, script))
        .or_else(|| dictated_digits(ahead, script))
}

/// Whether the bracket before a chunk is that of an area code, which is not heard.
pub(super) fn is_area_code(ahead: Ahead<'_, '_>) -> bool {
    ahead.chunk(0).is_some_and(|chunk| chunk.opening.ends_with('(')) && phone_groups(ahead).is_some()
}

fn email(core: &str, script: &mut Script) -> Option<Reading> {
    let (name, domain) = core.split_once('@')?;
    if name.is_empty() || !domain.contains('.') || domain.contains('@') {
        return None;
    }
    say_address(name, script);
    script.word("at");
    say_domain(domain, script);
    Some(Reading::of(1))
}

fn web_address(core: &str, script: &mut Script) -> Option<Reading> {
    let bare = core.strip_prefix("https://").or_else(|| core.strip_prefix("http://"));
    let (domain, path) = bare.unwrap_or(core).split_once('/').unwrap_or((bare.unwrap_or(core), ""));
    let labels: Vec<&str> = domain.split('.').collect();
    let is_name = labels.len() > 1
        && labels.iter().all(|label| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
    let top = labels.last()?.to_ascii_lowercase();
    let known = [
        "com", "org", "net", "edu", "gov", "io", "co", "uk", "us", "ca", "au", "de", "fr", "info", "biz", "tv", "me",
        "ai", "app", "dev", "golf", "club",
    ];
    if !is_name || bare.is_none() && !domain.starts_with("www.") && !known.contains(&top.as_str()) {
        return None;
    }
    say_domain(domain, script);
    for part in path.split('/').filter(|part| !part.is_empty()) {
        script.word("slash");
        say_address(part, script);
    }
    Some(Reading::of(1))
}

fn say_domain(domain: &str, script: &mut Script) {
    for (at, label) in domain.split('.').enumerate() {
        if at > 0 {
            script.word("dot");
        }
        match label {
            "www" | "io" | "uk" | "us" | "tv" | "ai" | "de" | "fr" | "au" | "ca" => script.letters(label),
            _ => say_address(label, script),
        }
    }
}

/// Names in addresses: words as words, digits and signs one by one.
fn say_address(text: &str, script: &mut Script) {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let same = |c: char| c.is_alphabetic() == first.is_alphabetic() && c.is_ascii_digit() == first.is_ascii_digit();
        let run_bytes =
            if first.is_alphanumeric() { rest.find(|c| !same(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
        let (run, after) = rest.split_at(run_bytes);
        match first {
            '.' => script.word("dot"),
            '-' => script.word("dash"),
            '_' => script.word("underscore"),
            '+' => script.word("plus"),
            _ if first.is_ascii_digit() => script.words(digits(run)),
            _ if run.chars().count() == 1 => script.letters(run),
            _ if first.is_alphabetic() => script.name(&run.to_lowercase()),
            _ => {}
        }
        rest = after;
    }
}

/// "ext. 204", "extension 204", "x204".
fn extension(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    let is_number = |text: &str| (1..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let core = ahead.core(0);
    if let Some(number) = core.strip_prefix('x').filter(|number| number.len() > 1 && is_number(number)) {
        script.word("extension");
        say_groups(&grouped(number), script);
        return Some(Reading::of(1));
    }
    let number = ahead.core_after_dot();
    if !matches!(core, "ext" | "Ext" | "EXT" | "extension" | "Extension" | "x") || !is_number(number) {
        return None;
    }
    script.word("extension");
    script.speak_from(ahead.chunk(1)?.at);
    say_groups(&grouped(number), script);
    Some(Reading::of(2))
}

fn phone_number(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    let phone = phone_groups(ahead)?;
    if phone.has_plus {
        script.word("plus");
    }
    let mut groups = phone.groups;
    let toll_free = groups.iter().position(|group| group == "800").filter(|at| groups.len() - at == 3);
    if let Some(at) = toll_free {
        say_groups(&groups[..at], script);
        if at > 0 {
            script.mark(",");
        }
        script.words(cardinal(800));
        script.mark(",");
        groups.drain(..=at);
    }
    say_groups(&groups, script);
    Some(Reading::of(phone.chunks))
}

struct Phone {
    groups: Vec<String>,
    has_plus: bool,
    chunks: usize,
}

/// The longest run of chunks that forms a phone number.
fn phone_groups(ahead: Ahead<'_, '_>) -> Option<Phone> {
    let has_plus = ahead.chunk(0)?.core.starts_with('+');
    let mut groups: Vec<String> = Vec::new();
    let mut best = None;
    for at in 0..6 {
        let Some(chunk) = ahead.chunk(at) else { break };
        let Some(found) = digit_groups(chunk, at == 0) else { break };
        groups.extend(found);
        let sizes: Vec<usize> = groups.iter().map(String::len).collect();
        let in_one_piece = at == 0 && chunk.core.contains(['-', '.']);
        if groups.first().is_some_and(|first| is_phone(&sizes, first, has_plus, in_one_piece)) {
            best = Some(Phone { groups: regroup(&groups), has_plus, chunks: at + 1 });
        }
        if !matches!(chunk.closing, "" | ")") || chunk.ends_line {
            break;
        }
    }
    best
}

fn digit_groups(chunk: &Chunk<'_>, is_first: bool) -> Option<Vec<String>> {
    let core = if is_first { chunk.core.strip_prefix('+').unwrap_or(chunk.core) } else { chunk.core };
    let separators = ['-', '.', '(', ')', '/', '–'];
    let valid = matches!(chunk.opening, "" | "(")
        && !core.is_empty()
        && core.chars().all(|c| c.is_ascii_digit() || separators.contains(&c));
    valid.then(|| core.split(separators).filter(|group| !group.is_empty()).map(str::to_owned).collect())
}

fn is_phone(sizes: &[usize], first: &str, has_plus: bool, in_one_piece: bool) -> bool {
    match sizes {
        [3, 3, 4] | [10] => true,
        [1, 3, 3, 4] | [11] => first.starts_with('1'),
        [3, 4] => in_one_piece,
        _ => has_plus && (8..=15).contains(&sizes.iter().sum::<usize>()),
    }
}

/// Ten digits in a row become 3, 3 and 4, with the country's 1 in front if there are eleven.
fn regroup(groups: &[String]) -> Vec<String> {
    match groups {
        [one] if one.len() >= 10 => {
            let (country, rest) = one.split_at(one.len() - 10);
            let parts = [country, &rest[..3], &rest[3..6], &rest[6..]];
            parts.iter().filter(|part| !part.is_empty()).map(|part| (*part).to_owned()).collect()
        }
        _ => groups.to_vec(),
    }
}

fn say_groups(groups: &[String], script: &mut Script) {
    for (at, group) in groups.iter().enumerate() {
        if at > 0 {
            script.mark(",");
        }
        script.words(digits(group));
    }
}

/// Digits in groups an ear can hold: up to five together, then threes and fours.
fn grouped(text: &str) -> Vec<String> {
    let sizes: &[usize] = match text.len() {
        0..=5 => return vec![text.to_owned()],
        6 => &[3, 3],
        7 => &[3, 4],
        8 => &[4, 4],
        9 => &[3, 3, 3],
        10 => &[3, 3, 4],
        _ => return text.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group).into_owned()).collect(),
    };
    let mut rest = text;
    let mut groups = Vec::new();
    for size in sizes {
        let (group, after) = rest.split_at(*size);
        groups.push(group.to_owned());
        rest = after;
    }
    groups
}

/// "GV4821", "7B3K-9Q": letters by name, digits one by one. "F16", "4K" and "COVID19" are names with
/// a number in them.
fn code(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    let core = ahead.core(0);
    let runs = runs(core)?;
    let (digit_count, letter_count) =
        (core.bytes().filter(u8::is_ascii_digit).count(), core.bytes().filter(u8::is_ascii_alphabetic).count());
    if digit_count == 0 || letter_count == 0 {
        return None;
    }
    let is_small = core.bytes().any(|byte| byte.is_ascii_lowercase());
    let one_of_each = runs.len() == 2;
    let dictated = is_dictated(ahead);
    if one_of_each && !dictated {
        let digits_first = runs[0].starts_with(|c: char| c.is_ascii_digit());
        let (letters, number) = if digits_first { (runs[1], runs[0]) } else { (runs[0], runs[1]) };
        if digits_first && (is_small || letter_count > 1 && digit_count < 3 || letters.len() == 2 && number.len() < 4) {
            return None;
        }
        let is_name = letters.len() == 1 && number.len() < 3 && !is_small
            || !digits_first && letters.len() > 3
            || digits_first && letters.len() == 1 && number.len() < 4;
        if is_name {
            for run in &runs {
                say_name_part(run, script);
            }
            return Some(Reading::of(1));
        }
    }
    if is_small && !dictated && (letter_count > 3 || digit_count < 3) && runs.len() < 4 {
        return None;
    }
    if spelled::say(core, ahead.chunk(0)?.at, script) {
        return Some(Reading::of(1));
    }
    for (at, run) in runs.iter().enumerate() {
        if run.starts_with(|c: char| c.is_ascii_digit()) {
            if at > 0 && runs.len() == 2 {
                script.mark(",");
            }
            script.words(digits(run));
        } else {
            script.letters(run);
        }
    }
    Some(Reading::of(1))
}

fn say_name_part(run: &str, script: &mut Script) {
    match run.parse::<u64>() {
        Ok(number) if run.len() < 3 => script.words(cardinal(number)),
        Ok(_) => script.words(digits(run)),
        Err(_) if run.len() < 4 && run == run.to_uppercase() => script.letters(run),
        Err(_) => script.word(run),
    }
}

/// A code's runs of letters and of digits; `None` for anything that holds other characters.
fn runs(core: &str) -> Option<Vec<&str>> {
    let mut found = Vec::new();
    for part in core.split('-') {
        if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let mut rest = part;
        while let Some(first) = rest.chars().next() {
            let end = rest.find(|c: char| c.is_ascii_digit() != first.is_ascii_digit()).unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            found.push(run);
            rest = after;
        }
    }
    Some(found)
}

/// Digits after "code", "ending in" and the like, and any long run of them.
fn dictated_digits(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    let core = ahead.core(0);
    let number = core.strip_prefix('#').unwrap_or(core);
    let all_digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let long = if is_dictated(ahead) { 3 } else { 7 };
    if !all_digits || number.len() < long {
        return None;
    }
    if number.len() < core.len() {
        script.word("number");
    }
    say_groups(&grouped(number), script);
    Some(Reading::of(1))
}

/// Whether the words before say that a code comes: "your confirmation number is".
fn is_dictated(ahead: Ahead<'_, '_>) -> bool {
    let announces = [
        "code",
        "confirmation",
        "pin",
        "passcode",
        "reference",
        "account",
        "card",
        "zip",
        "tracking",
        "member",
        "membership",
        "ticket",
        "order",
        "id",
        "ending",
        "booking",
        "reservation",
        "room",
        "suite",
        "flight",
    ];
    let connects = ["is", "was", "number", "no", "in", "the", "your", "of", "as", "with"];
    let before = &ahead.chunks[..ahead.index];
    for chunk in before.iter().rev().take(4) {
        if chunk.closing.contains(['.', '!', '?', ',']) || chunk.ends_line {
            return false;
        }
        let word = chunk.core.to_lowercase();
        if announces.contains(&word.as_str()) {
            return true;
        }
        if !connects.contains(&word.as_str()) {
            return false;
        }
    }
    false
}
