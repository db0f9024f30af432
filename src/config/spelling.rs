//! Finds names that look like a misspelt setting.

/// The setting that `name` was probably meant to be.
///
/// Only close misses count: the environment is full of names that are none of our business.
pub(super) fn probably_meant<'a>(name: &str, settings: &[&'a str]) -> Option<&'a str> {
    if settings.contains(&name) {
        return None;
    }
    let slips_allowed = if name.len() < 9 { 1 } else { 2 };
    settings
        .iter()
        .map(|setting| (distance(name.as_bytes(), setting.as_bytes()), *setting))
        .filter(|(slips, _)| *slips <= slips_allowed)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, setting)| setting)
}

/// How many letters are missing, extra or wrong (Levenshtein).
fn distance(left: &[u8], right: &[u8]) -> usize {
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for (row, a) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, b) in right.iter().enumerate() {
            let replaced = previous[column] + usize::from(a != b);
            let missing = previous[column + 1] + 1;
            let extra = current[column] + 1;
            current.push(replaced.min(missing).min(extra));
        }
        previous = current;
    }
    previous[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: [&str; 4] = ["LISTEN_ADDR", "LOG_PII", "EVENTS", "TWILIO_AUTH_TOKEN"];

    #[test]
    fn close_misses_are_recognised() {
        let misses = [
            ("LISTEN_ADR", "LISTEN_ADDR"),
            ("LISTEN_ADDRESS", ""),
            ("LOGPII", "LOG_PII"),
            ("EVENT", "EVENTS"),
            ("TWILLIO_AUTH_TOKN", "TWILIO_AUTH_TOKEN"),
            ("TWILIO_AUHT_TOKEN", "TWILIO_AUTH_TOKEN"),
        ];
        for (name, meant) in misses {
            assert_eq!(probably_meant(name, &OURS).unwrap_or_default(), meant, "{name}");
        }
    }

    #[test]
    fn our_own_and_foreign_names_are_left_alone() {
        for name in ["EVENTS", "PATH", "HOME", "LOG", "RUST_LOG", "TWILIO_ACCOUNT_SID", "", "LANG"] {
            assert_eq!(probably_meant(name, &OURS), None, "{name}");
        }
    }
}
