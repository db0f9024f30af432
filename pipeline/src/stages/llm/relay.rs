//! Who is asked for an answer, one model after the other, until one gives it whole.
//!
//! [`Relay`] is told how each attempt ended and names the next model: down the chain, those first that
//! are worth an attempt, and then the one that had begun the answer once again, where no other began one.
//!
//! What always holds:
//! - of all models at most one is asked twice for an answer;
//! - it was the only one who had a word to say.

use tokio::time::Instant;

use crate::vendors::VendorError;
use crate::vendors::chain::Chain;
use crate::vendors::llm::Llm;

/// Whether anything of an answer arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begun {
    No,
    Yes,
}

/// Who goes on after a model failed.
pub(super) enum Next<'a> {
    /// The same one.
    Again,
    Another(&'a dyn Llm),
}

/// The models of one answer.
pub(super) struct Relay<'a> {
    models: &'a Chain<dyn Llm>,
    place: usize,
    lap: Lap,
}

/// Who began the answer so far.
#[derive(Clone, Copy)]
enum Lap {
    Nobody,
    One {
        place: usize,
    },
    Several,
    /// The only one who began it, asked for the second time.
    Again,
}

impl<'a> Relay<'a> {
    pub(super) fn begin(models: &'a Chain<dyn Llm>, now: Instant) -> Self {
        Self { models, place: models.first(now), lap: Lap::Nobody }
    }

    /// The model that is asked now.
    pub(super) fn model(&self) -> &'a dyn Llm {
        self.models.vendor(self.place).as_ref()
    }

    /// It answered.
    pub(super) fn succeeded(&self) {
        self.models.succeeded(self.place);
    }

    /// It failed, and nobody needs to be asked in its place.
    pub(super) fn failed(&self, now: Instant, error: &VendorError) {
        self.models.failed(self.place, now, error);
    }

    /// After it failed: who goes on, if anybody can.
    pub(super) fn hand_over(&mut self, now: Instant, begun: Begun) -> Option<Next<'a>> {
        self.lap = match (self.lap, begun) {
            (Lap::Again, _) => return None,
            (lap, Begun::No) => lap,
            (Lap::Nobody, Begun::Yes) => Lap::One { place: self.place },
            (Lap::One { .. } | Lap::Several, Begun::Yes) => Lap::Several,
        };
        // A model that failed others may be well again, and without one the call is over.
        let next = self.models.after(self.place, now).or_else(|| self.models.behind(self.place));
        let failed = self.place;
        self.place = match (next, self.lap) {
            (Some(next), _) => next,
            (None, Lap::One { place }) => {
                self.lap = Lap::Again;
                place
            }
            (None, _) => return None,
        };
        Some(if self.place == failed { Next::Again } else { Next::Another(self.model()) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::StreamExt as _;
    use futures_util::stream::{self, BoxStream};

    use super::*;
    use crate::vendors::llm::{LlmEvent, LlmRequest};

    struct Named(&'static str);

    impl Llm for Named {
        fn name(&self) -> &'static str {
            self.0
        }

        fn answer(&self, _: LlmRequest) -> BoxStream<'static, Result<LlmEvent, VendorError>> {
            stream::empty().boxed()
        }
    }

    fn chain(names: &[&'static str]) -> Chain<dyn Llm> {
        let mut models = names.iter().map(|name| Arc::new(Named(name)) as Arc<dyn Llm>);
        Chain::new(models.next().expect("a chain has a first"), models)
    }

    /// Who is asked when the attempts end like this, one after the other.
    fn asked(names: &[&'static str], attempts: &[Begun]) -> Vec<&'static str> {
        let models = chain(names);
        let mut relay = Relay::begin(&models, Instant::now());
        let mut asked = vec![relay.model().name()];
        for &begun in attempts {
            match relay.hand_over(Instant::now(), begun) {
                Some(Next::Another(model)) => asked.push(model.name()),
                Some(Next::Again) => asked.push("again"),
                None => break,
            }
        }
        asked
    }

    #[test]
    fn the_answer_goes_down_the_chain() {
        assert_eq!(asked(&["a", "b", "c"], &[Begun::No; 9]), ["a", "b", "c"]);
        assert_eq!(asked(&["a", "b", "c"], &[Begun::Yes; 9]), ["a", "b", "c"]);
    }

    #[test]
    fn the_only_one_who_began_is_asked_once_again() {
        assert_eq!(asked(&["a"], &[Begun::Yes; 9]), ["a", "again"]);
        assert_eq!(asked(&["a"], &[Begun::Yes, Begun::No, Begun::No]), ["a", "again"]);
        assert_eq!(asked(&["a", "b"], &[Begun::Yes, Begun::No, Begun::Yes, Begun::No]), ["a", "b", "a"]);
        assert_eq!(asked(&["a", "b"], &[Begun::No, Begun::Yes, Begun::Yes]), ["a", "b", "again"]);
    }

    #[test]
    fn nobody_is_asked_again_who_had_nothing_to_say() {
        assert_eq!(asked(&["a"], &[Begun::No; 9]), ["a"]);
    }

    #[test]
    fn a_model_that_fails_others_is_left_out_while_somebody_else_is_there() {
        let models = chain(&["a", "b", "c"]);
        let now = Instant::now();
        models.failed(1, now, &VendorError::Refused { vendor: "b", status: 401, setting: "B_KEY" });
        let mut relay = Relay::begin(&models, now);
        assert!(matches!(relay.hand_over(now, Begun::Yes), Some(Next::Another(model)) if model.name() == "c"));
        assert!(relay.hand_over(now, Begun::Yes).is_none());
    }
}
