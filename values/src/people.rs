//! Words for people, in singular and plural.

/// Behind a number these are counted.
pub(crate) const PEOPLE: [&str; 25] = [
    "people",
    "person",
    "persons",
    "guest",
    "guests",
    "adult",
    "adults",
    "kid",
    "kids",
    "child",
    "children",
    "friend",
    "friends",
    "folks",
    "guys",
    "of",
    "pax",
    "men",
    "women",
    "ladies",
    "gentlemen",
    "heads",
    "girls",
    "boys",
    "gals",
];

/// One of several, whoever it is.
pub(crate) const SOMEBODY: [&str; 12] =
    ["guy", "friend", "buddy", "guest", "colleague", "partner", "other", "kid", "child", "player", "person", "golfer"];

/// More than one, besides those who were named.
pub(crate) const OTHERS: [&str; 5] = ["others", "more", "buddies", "colleagues", "partners"];

/// Relatives and friends.
pub(crate) const FAMILY: [&str; 12] = [
    "brother",
    "brothers",
    "sister",
    "sisters",
    "son",
    "sons",
    "daughter",
    "daughters",
    "cousin",
    "cousins",
    "mates",
    "pals",
];

/// Whether a number before this word counts heads, whatever the agent calls them.
pub(crate) fn is_people(word: &str) -> bool {
    word != "of" && PEOPLE.contains(&word) || matches!(word, "players" | "golfers")
}

/// Whether the word names a person or persons.
pub fn is_somebody(word: &str) -> bool {
    SOMEBODY.contains(&word)
        || OTHERS.contains(&word)
        || (PEOPLE.contains(&word) && word != "of")
        || FAMILY.contains(&word)
}
