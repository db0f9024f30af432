//! Another trade: nothing in the scripted agent knows golf.

use serde_json::{Value, json};

use super::script::Stage;

const AGENT: &str = include_str!("restaurant.toml");
const PROMPT: &str = "You answer the phone.\n\n## Facts\n- **Wine** (wine list): We have red and white.\n";

fn restaurant() -> Stage {
    let backend = |tool: &str, arguments: &Value| match tool {
        "reserveTable" => json!({"table": 7, "when": arguments["when"], "at": arguments["at"]}),
        _ => json!({"queued": true}),
    };
    Stage::new(AGENT, PROMPT, backend, false)
}

#[test]
fn reserves_a_table() {
    restaurant().play(
        r#"
        caller I'd like to book a table for two tomorrow at eight, outside please
        agent  8:00 AM or 8:00 PM
        caller in the evening
        agent  What number
        caller oh two oh, seven nine four six, oh nine five eight
        agent  A table for 2 guests on Tuesday, November 24th at 8:00 PM, terrace
        caller do you have a wine list
        agent  red and white
        caller go ahead
        tool   reserveTable {"guests":2,"when":"2026-11-24","at":"20:00","phone":"+442079460958","seating":"terrace"}
        agent  table 7
        caller cheers, bye
        agent  Cheerio
        ends
        "#,
    );
}

#[test]
fn mails_the_menu() {
    restaurant().play(
        r#"
        caller could you send me the menu
        agent  e-mail
        caller sarah dot j at example dot com
        agent  diet
        caller veggie
        agent  kitchen
        caller please say hello to Tom
        agent  sarah.j@example.com, diet vegetarian, with the note please say hello to Tom
        caller yes
        tool   sendMenu {"email":"sarah.j@example.com","diet":"vegetarian","note":"please say hello to Tom"}
        agent  on its way
        "#,
    );
}
