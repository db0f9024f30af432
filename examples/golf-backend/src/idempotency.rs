//! Answers kept by `Idempotency-Key`, so that a request sent twice acts once.
//!
//! Pure and bounded: the oldest answer makes room for the newest. A key stands for one request; the
//! same key with other content is a mistake of the client and is said to be one.

use std::collections::{HashMap, VecDeque};

/// A key with the request it stood for and the answer that was given.
#[derive(Debug)]
struct Entry<A> {
    request: Vec<u8>,
    answer: A,
}

/// What is known about a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Known<A> {
    /// Nothing: do the work.
    New,
    /// The same request was answered like this.
    Answered(A),
    /// The key stood for another request.
    OtherRequest,
}

/// The newest answers, at most `capacity` of them.
#[derive(Debug)]
pub(crate) struct Answers<A> {
    by_key: HashMap<String, Entry<A>>,
    oldest_first: VecDeque<String>,
    capacity: usize,
}

impl<A: Clone> Answers<A> {
    /// Keeps at most `capacity` answers.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { by_key: HashMap::new(), oldest_first: VecDeque::new(), capacity }
    }

    /// What is known about `key` when it comes with `request`.
    pub(crate) fn look_up(&self, key: &str, request: &[u8]) -> Known<A> {
        match self.by_key.get(key) {
            None => Known::New,
            Some(entry) if entry.request == request => Known::Answered(entry.answer.clone()),
            Some(_) => Known::OtherRequest,
        }
    }

    /// Keeps the answer to `request`. A key that is already known keeps its first answer.
    pub(crate) fn keep(&mut self, key: String, request: Vec<u8>, answer: A) {
        if self.by_key.contains_key(&key) {
            return;
        }
        self.oldest_first.push_back(key.clone());
        self.by_key.insert(key, Entry { request, answer });
        while self.by_key.len() > self.capacity {
            let Some(oldest) = self.oldest_first.pop_front() else { return };
            self.by_key.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_and_request_get_the_first_answer_again() {
        let mut answers = Answers::new(10);
        assert_eq!(answers.look_up("k", b"book"), Known::New);
        answers.keep("k".into(), b"book".to_vec(), 201);
        answers.keep("k".into(), b"book".to_vec(), 409);
        assert_eq!(answers.look_up("k", b"book"), Known::Answered(201));
    }

    #[test]
    fn the_same_key_with_another_request_is_told_apart() {
        let mut answers = Answers::new(10);
        answers.keep("k".into(), b"book".to_vec(), 201);
        assert_eq!(answers.look_up("k", b"cancel"), Known::OtherRequest);
    }

    #[test]
    fn the_oldest_answer_makes_room_for_the_newest() {
        let mut answers = Answers::new(2);
        for key in ["a", "b", "c"] {
            answers.keep(key.into(), Vec::new(), key);
        }
        assert_eq!(answers.look_up("a", b""), Known::New);
        assert_eq!(answers.look_up("b", b""), Known::Answered("b"));
        assert_eq!(answers.look_up("c", b""), Known::Answered("c"));
        assert_eq!(answers.by_key.len(), answers.oldest_first.len());
    }
}
