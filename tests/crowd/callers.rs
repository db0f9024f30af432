//! Callers who dial at the same moment and do the same things.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use voice_gateway::phone::{LiveCall, Phone, PhoneError, Waited};
use voice_pipeline::audio::ulaw;
use voice_pipeline::time::CallTime;
use voice_testkit::fakes::speech::WordReader;

use super::gateway::Gateway;

/// More than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// Callers whose calls are up.
pub(crate) struct Crowd(Vec<Arc<LiveCall>>);

impl Crowd {
    /// So many callers dial at the same moment. Gives those who got through, and what the others heard instead.
    pub(crate) async fn dial(gateway: &Gateway, callers: usize) -> (Self, Vec<String>) {
        let all_are_ready = Arc::new(Barrier::new(callers));
        let mut dialling = JoinSet::new();
        for _ in 0..callers {
            let (phone, all_are_ready) = (gateway.phone(), Arc::clone(&all_are_ready));
            dialling.spawn(async move {
                all_are_ready.wait().await;
                Box::pin(Phone::dial(phone)).await
            });
        }
        let (mut up, mut turned_away) = (Vec::new(), Vec::new());
        while let Some(dialled) = dialling.join_next().await {
            match dialled.unwrap() {
                Ok(live) => up.push(Arc::new(live)),
                Err(PhoneError::NotConnected { said }) => turned_away.push(said.join(" ")),
                Err(other) => panic!("{other}"),
            }
        }
        (Self(up), turned_away)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// One of them.
    pub(crate) fn one(&self) -> &LiveCall {
        &self.0[0]
    }

    /// Parts the crowd: so many stay here, the others are given.
    pub(crate) fn split_off(&mut self, at: usize) -> Self {
        Self(self.0.split_off(at))
    }

    /// All do the same, side by side.
    pub(crate) async fn all<F: Future<Output = ()> + Send + 'static>(&mut self, act: impl Fn(Arc<LiveCall>) -> F) {
        let mut acting: JoinSet<()> = self.0.iter().cloned().map(act).collect();
        while let Some(done) = acting.join_next().await {
            done.unwrap();
        }
    }
}

/// Waits until the greeting was heard to its end.
pub(crate) async fn hear_greeting(live: &LiveCall) {
    assert_eq!(live.wait_until_agent_finishes(PATIENCE).await, Waited::Happened, "no greeting is heard");
    let heard = words_heard(live);
    assert!(heard.starts_with("Thanks for calling"), "the greeting was {heard:?}");
}

/// Every word that was audible to a caller so far.
pub(crate) fn words_heard(live: &LiveCall) -> String {
    let line = live.heard_between(CallTime::ZERO, live.clock().now());
    let line: Vec<u8> = line.into_iter().map(ulaw::encode).collect();
    let mut words = Vec::new();
    WordReader::default().push(&line, |heard| words.push(heard.word));
    words.join(" ")
}

/// What one more caller hears instead of an agent.
pub(crate) async fn said_to(gateway: &Gateway) -> String {
    match Box::pin(Phone::dial(gateway.phone())).await {
        Err(PhoneError::NotConnected { said }) => said.join(" "),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the call went through"),
    }
}
