//! Reads amounts of money.

use super::super::numbers::cardinal;
use super::super::tokens::Script;
use super::quantities::{Number, say_number};
use super::{Ahead, Reading};

struct Currency {
    sign: &'static str,
    code: &'static str,
    unit: [&'static str; 2],
    cent: [&'static str; 2],
}

const CURRENCIES: [Currency; 4] = [
    Currency { sign: "$", code: "USD", unit: ["dollar", "dollars"], cent: ["cent", "cents"] },
    Currency { sign: "€", code: "EUR", unit: ["euro", "euros"], cent: ["cent", "cents"] },
    Currency { sign: "£", code: "GBP", unit: ["pound", "pounds"], cent: ["penny", "pence"] },
    Currency { sign: "¥", code: "JPY", unit: ["yen", "yen"], cent: ["sen", "sen"] },
];

pub(super) fn read(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    cents(ahead, script).or_else(|| amount(ahead, script))
}

/// "$4.50", "-$5", "$4.5 million", "$50-60", "50 USD".
fn amount(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    let core = ahead.core(0);
    let (negative, core) = core.strip_prefix('-').map_or((false, core), |rest| (true, rest));
    let (currency, digits, mut chunks) = match CURRENCIES.iter().find(|currency| core.starts_with(currency.sign)) {
        Some(currency) => (currency, &core[currency.sign.len()..], 1),
        None => {
            let by_code = |word: &str| CURRENCIES.iter().find(|currency| currency.code == word);
            match by_code(core) {
                Some(currency) => (currency, ahead.core(1), 2),
                None => (by_code(ahead.core(1))?, core, 2),
            }
        }
    };
    let (first, last) = match digits.split_once(['-', '–']) {
        Some((first, last)) => (first, Some(Number::parse(last.trim_start_matches(currency.sign))?)),
        None => (digits, None),
    };
    let (first, letter_scale) = match first.char_indices().next_back()? {
        (at, 'k' | 'K') => (&first[..at], Some("thousand")),
        (at, 'm' | 'M') => (&first[..at], Some("million")),
        (at, 'b' | 'B') => (&first[..at], Some("billion")),
        _ => (first, None),
    };
    let first = Number::parse(first)?;
    let word_scale = ["hundred", "thousand", "million", "billion", "trillion"]
        .into_iter()
        .find(|scale| *scale == ahead.core(chunks));
    if letter_scale.is_none() && word_scale.is_some() {
        chunks += 1;
    }
    if negative {
        script.word("minus");
    }
    // "a $20 deposit" is a twenty dollar deposit.
    let describes =
        matches!(ahead.previous(), "a" | "A" | "an" | "An") && ahead.core(chunks).starts_with(char::is_lowercase);
    if let Some(scale) = letter_scale.or(word_scale) {
        say_number(&first, script);
        script.word(scale);
        script.word(currency.unit[usize::from(!describes)]);
    } else if let Some(last) = last {
        say_number(&first, script);
        script.word("to");
        say_amount(&last, currency, false, script);
    } else {
        say_amount(&first, currency, describes, script);
    }
    Some(Reading::of(chunks))
}

fn say_amount(number: &Number<'_>, currency: &Currency, describes: bool, script: &mut Script) {
    let hundredths = match number.fraction {
        None => 0,
        Some(fraction) if fraction.len() <= 2 => {
            fraction.parse::<u64>().unwrap_or_default() * if fraction.len() == 1 { 10 } else { 1 }
        }
        Some(_) => {
            say_number(number, script);
            script.word(currency.unit[1]);
            return;
        }
    };
    let plural = |count: u64| usize::from(count != 1 && !describes);
    if number.whole > 0 || hundredths == 0 {
        script.words(cardinal(number.whole));
        script.word(currency.unit[plural(number.whole)]);
        if hundredths > 0 {
            script.word("and");
        }
    }
    if hundredths > 0 {
        script.words(cardinal(hundredths));
        script.word(currency.cent[plural(hundredths)]);
    }
}

/// "50¢".
fn cents(ahead: Ahead<'_, '_>, script: &mut Script) -> Option<Reading> {
    let number = Number::parse(ahead.core(0).strip_suffix('¢')?)?;
    say_number(&number, script);
    script.word(if number.is_one() { "cent" } else { "cents" });
    Some(Reading::of(1))
}
