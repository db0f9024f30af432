//! The scripted agent in whole dialogues.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "forms/another_trade.rs"]
mod another_trade;
#[path = "forms/anything.rs"]
mod anything;
#[path = "forms/booking.rs"]
mod booking;
#[path = "forms/changing.rs"]
mod changing;
#[path = "forms/compiling.rs"]
mod compiling;
#[path = "forms/conversation.rs"]
mod conversation;
#[path = "forms/golf.rs"]
mod golf;
#[path = "forms/interruptions.rs"]
mod interruptions;
#[path = "forms/olive_and_thyme.rs"]
mod olive_and_thyme;
#[path = "forms/restaurant.rs"]
mod restaurant;
#[path = "forms/script.rs"]
mod script;
#[path = "forms/searching.rs"]
mod searching;
#[path = "forms/taking_over.rs"]
mod taking_over;
