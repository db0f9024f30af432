//! The runbook agrees with the alerts, the catalogue of events, and the settings.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use voice_gateway::config::Config;
use voice_gateway::observability::events_markdown;

use crate::Page;

fn runbook() -> Page {
    Page::read("docs/OPERATIONS.md")
}

/// The text below a heading, up to the next of its kind.
fn section<'a>(page: &'a Page, heading: &str) -> &'a str {
    let start = format!("\n{heading}\n");
    let level = heading.split(' ').next().unwrap();
    let rest = page.text.split_once(&start).unwrap_or_else(|| panic!("no {heading}")).1;
    rest.split(&format!("\n{level} ")).next().unwrap()
}

/// The fields of each event, as docs/EVENTS.md lists them.
fn events() -> BTreeMap<String, BTreeSet<String>> {
    let page = events_markdown();
    let table = page.split("## Metrics").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    rows.map(|(name, rest)| {
        let fields = rest.split(" | ").nth(1).unwrap_or_default();
        let named = fields.split("; ").filter_map(|field| Some(field.strip_prefix('`')?.split_once('`')?.0.to_owned()));
        (name.to_owned(), named.collect())
    })
    .collect()
}

#[test]
fn every_alert_has_its_section_and_every_section_its_alert() {
    let runbook = runbook();
    let rules = Page::read("docker/alerts.yml");
    let alerts: BTreeSet<_> =
        rules.text.lines().filter_map(|line| line.trim_start().strip_prefix("- alert: ")).collect();
    let sections: BTreeSet<_> =
        section(&runbook, "## Alerts").lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert!(!alerts.is_empty());
    assert_eq!(sections, alerts);
}

#[test]
fn every_reason_of_an_end_and_every_kind_of_failure_is_explained() {
    let (runbook, catalogue) = (runbook(), events_markdown());
    let row = |event: &str| catalogue.lines().find(|line| line.starts_with(&format!("| `{event}`"))).unwrap();
    let words_of = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
    let after = |event: &str, field: &str| words_of(row(event).split_once(&format!("`{field}`: ")).unwrap().1);
    let table = |heading: &str, column: &str| -> BTreeSet<String> {
        let text = section(&runbook, heading);
        let rows = text.split_once(&format!("| {column} |")).unwrap().1.lines().skip(2);
        rows.take_while(|line| line.starts_with('|'))
            .flat_map(|line| words_of(line.split('|').nth(1).unwrap()))
            .collect()
    };
    let mut reasons = after("call.ended", "reason");
    reasons.remove("lasted_ms");
    assert_eq!(table("## At three in the morning", "`reason`"), reasons);
    assert_eq!(table("### VendorFails", "kind"), after("vendor.failed", "kind"));
    let parts = after("turn.measured", "total_ms");
    let parts: BTreeSet<_> = parts.iter().map(|part| part.trim_end_matches("_ms").to_owned()).collect();
    assert_eq!(table("### SlowAnswers", "part"), parts);
}

#[test]
fn the_call_that_is_read_is_one_that_could_have_been() {
    let runbook = runbook();
    let events = events();
    let lines = runbook.blocks("json").concat();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut before = 0;
    for line in &lines {
        let name = line["event"].as_str().unwrap();
        let known = events.get(name).unwrap_or_else(|| panic!("there is no {name}"));
        for field in line.as_object().unwrap().keys() {
            assert!(known.contains(field) || ["at_ms", "turn", "event"].contains(&field.as_str()), "{name}: {field}");
        }
        for field in known.iter().filter(|field| !field.starts_with("pii.")) {
            assert!(line.get(field).is_some(), "{name} has a {field}");
        }
        let at = line["at_ms"].as_u64().unwrap();
        assert!(at >= before, "{name} comes too late");
        before = at;
    }
    let measured = lines.iter().find(|line| line["event"] == "turn.measured").unwrap().as_object().unwrap();
    let parts = measured.iter().filter(|(name, _)| name.ends_with("_ms") && *name != "at_ms" && *name != "total_ms");
    assert_eq!(measured["total_ms"], parts.map(|(_, part)| part.as_u64().unwrap()).sum::<u64>());
}

#[test]
fn proxies_pass_calls_to_where_the_gateway_listens() {
    let runbook = runbook();
    let listen = Config::read(&BTreeMap::<&str, &str>::new()).unwrap().0.server.listen;
    let single = section(&runbook, "## Deploy");
    assert!(single.contains(&format!("proxy_pass http://{listen};")), "nginx asks elsewhere");
    assert!(single.contains(&format!("reverse_proxy {listen} {{")), "caddy asks elsewhere");
    for address in runbook.text.split("proxy_pass http://").skip(1).map(|rest| rest.split(['/', ';']).next().unwrap()) {
        assert!(address.ends_with(&format!(":{}", listen.port())), "{address}");
    }
}
