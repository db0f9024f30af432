//! Prometheus and Grafana: they look where the gateway shows itself, and at nothing that it does not show.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use voice_gateway::observability::events_markdown;

use crate::compose::compose;
use crate::promql::{self, Expr};
use crate::{defaults, root, settings, text_of};

#[derive(Deserialize)]
struct Prometheus {
    rule_files: Vec<String>,
    scrape_configs: Vec<Scrape>,
}

#[derive(Deserialize)]
struct Scrape {
    job_name: String,
    #[serde(default = "usual_path")]
    metrics_path: String,
    static_configs: Vec<Targets>,
}

#[derive(Deserialize)]
struct Targets {
    targets: Vec<String>,
}

fn usual_path() -> String {
    "/metrics".into()
}

#[derive(Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Alert>,
}

#[derive(Deserialize)]
struct Alert {
    alert: String,
    expr: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Datasources {
    datasources: Vec<Datasource>,
}

#[derive(Deserialize)]
struct Datasource {
    uid: String,
    r#type: String,
    url: String,
}

#[derive(Deserialize)]
struct Providers {
    providers: Vec<Provider>,
}

#[derive(Deserialize)]
struct Provider {
    options: ProviderOptions,
}

#[derive(Deserialize)]
struct ProviderOptions {
    path: String,
}

fn prometheus() -> Prometheus {
    serde_saphyr::from_str(&text_of("docker/prometheus.yml")).unwrap()
}

fn alerts() -> Vec<Alert> {
    let rules: Rules = serde_saphyr::from_str(&text_of("docker/alerts.yml")).unwrap();
    rules.groups.into_iter().flat_map(|group| group.rules).collect()
}

fn dashboard() -> Value {
    serde_json::from_str(&text_of("docker/grafana/dashboards/voice-gateway.json")).unwrap()
}

/// The panels that show something.
fn panels(dashboard: &Value) -> Vec<&Value> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    panels.filter(|panel| panel["type"] != "row").collect()
}

/// What a panel's query asks for, with the dashboard's variables filled in.
fn query(target: &Value) -> String {
    target["expr"].as_str().unwrap().replace("$__rate_interval", "1m").replace("$instance", ".*")
}

/// Name, type and labels of every metric in the table that docs/EVENTS.md is written from.
fn exported() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let page = events_markdown();
    let rows = page.split("## Metrics").nth(1).unwrap().lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let labels = cells[2].split(", ").filter(|label| !label.is_empty()).map(str::to_owned).collect();
        (cells[0].trim_matches('`').to_owned(), (cells[1].to_owned(), labels))
    })
    .collect()
}

/// The metric that a series belongs to, and the labels of the series, with those Prometheus adds.
fn series(name: &str) -> Option<(String, BTreeSet<String>)> {
    let added = ["job", "instance"].map(str::to_owned);
    if name == "up" {
        return Some((name.to_owned(), added.into()));
    }
    let exported = exported();
    let of = |metric: &str, is_histogram: bool| {
        let (shape, labels) = exported.get(metric)?;
        ((shape == "histogram") == is_histogram).then(|| (metric.to_owned(), labels.clone()))
    };
    let part = |suffix| of(name.strip_suffix(suffix)?, true);
    let (metric, mut labels) = of(name, false)
        .or_else(|| part("_sum"))
        .or_else(|| part("_count"))
        .or_else(|| part("_bucket").map(|(metric, labels)| (metric, &labels | &["le".to_owned()].into())))?;
    labels.extend(added);
    Some((metric, labels))
}

/// Reads an expression and checks every metric, label and value in it; gives the labels of its result.
fn checked(text: &str) -> (Expr, BTreeSet<String>) {
    let expr = promql::read(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
    let words: BTreeSet<_> = {
        let page = events_markdown();
        page.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned).collect()
    };
    for selector in expr.selectors() {
        let (metric, labels) =
            series(&selector.metric).unwrap_or_else(|| panic!("{text}: the gateway has no {}", selector.metric));
        for (label, value) in &selector.matchers {
            assert!(labels.contains(label), "{text}: {metric} has no label {label}");
            let is_ours = label != "job" && label != "instance";
            assert!(!is_ours || value.split('|').all(|value| words.contains(value)), "{text}: no {label} is {value}");
        }
    }
    let labels = |name: &str| series(name).map(|(_, labels)| labels).unwrap_or_default();
    let given = expr.labels(&labels).unwrap_or_else(|fault| panic!("{text}: {fault}"));
    (expr, given)
}

/// Every `{{…}}` of a legend or, after `$labels.`, of an annotation.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{").skip(1).map(|part| part.split("}}").next().unwrap().trim())
}

#[test]
fn prometheus_asks_the_gateway_where_it_shows_its_metrics() {
    let compose = compose();
    let service = &compose.services["prometheus"];
    let prometheus = prometheus();
    let [scrape] = &prometheus.scrape_configs[..] else { panic!("one job is all there is") };
    assert_eq!(scrape.metrics_path, "/metrics");
    for target in scrape.static_configs.iter().flat_map(|config| &config.targets) {
        let (host, port) = target.split_once(':').unwrap();
        let gateway = &compose.services[host];
        assert!(service.meets(gateway), "prometheus cannot reach {host}");
        let admin = settings(&gateway.default_environment()).server.admin;
        assert!(admin.ip().is_unspecified() && admin.port().to_string() == port, "{target} is not {admin}");
    }
    let config = service.command.iter().find_map(|option| option.strip_prefix("--config.file=")).unwrap();
    assert_eq!(service.mounted(config).as_deref(), Some("./docker/prometheus.yml"));
    for rules in &prometheus.rule_files {
        assert_eq!(service.mounted(rules).as_deref(), Some("./docker/alerts.yml"));
    }
    let storage = service.command.iter().find_map(|option| option.strip_prefix("--storage.tsdb.path=")).unwrap();
    assert!(service.mounts().any(|mount| mount.target == storage && !mount.read_only));
}

#[test]
fn outside_of_a_container_the_metrics_are_for_this_machine_only() {
    assert!(defaults().server.admin.ip().is_loopback());
}

#[test]
fn every_alert_asks_for_what_there_is_and_says_what_it_knows() {
    let job = &prometheus().scrape_configs[0].job_name;
    let alerts = alerts();
    let names: BTreeSet<_> = alerts.iter().map(|alert| &alert.alert).collect();
    assert!(alerts.len() == names.len() && !alerts.is_empty());
    for Alert { alert, expr, labels, annotations } in &alerts {
        let (read, given) = checked(expr);
        for selector in read.selectors() {
            let jobs = selector.matchers.iter().filter(|(label, _)| label == "job");
            assert!(jobs.into_iter().all(|(_, value)| value == job), "{alert} is of another job");
        }
        assert!(["page", "ticket"].contains(&labels["severity"].as_str()), "{alert}");
        for placeholder in placeholders(&annotations["summary"]) {
            match placeholder.strip_prefix("$labels.") {
                Some(label) => assert!(given.contains(label), "{alert} has no label {label}"),
                None => assert!(placeholder.starts_with("$value"), "{alert}: {placeholder}"),
            }
        }
    }
}

#[test]
fn every_panel_asks_for_what_there_is_and_names_what_it_gets() {
    let dashboard = dashboard();
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().unwrap();
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty() && targets.iter().all(|target| target["datasource"] == panel["datasource"]));
        for target in targets {
            let (_, given) = checked(&query(target));
            let legend = target["legendFormat"].as_str().unwrap();
            for label in placeholders(legend) {
                assert!(given.contains(label), "{title}: nothing is told apart by {label}");
            }
            let unnamed = given.iter().filter(|label| *label != "job" && !legend.contains(&format!("{{{{{label}}}}}")));
            assert_eq!(unnamed.count(), 0, "{title}: two lines may have one name");
        }
    }
}

#[test]
fn every_metric_is_on_the_dashboard() {
    let dashboard = dashboard();
    let targets = panels(&dashboard).into_iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let mut shown = BTreeSet::new();
    for target in targets {
        let (expr, _) = checked(&query(target));
        shown.extend(expr.selectors().iter().filter_map(|selector| series(&selector.metric)).map(|(metric, _)| metric));
    }
    shown.remove("up");
    assert_eq!(shown, exported().into_keys().collect());
}

#[test]
fn no_panel_covers_another_or_has_its_number() {
    let dashboard = dashboard();
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}", panel["title"]);
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(x + w <= 24, "{} is too wide", panel["title"]);
        for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(place), "{} covers another panel", panel["title"]);
        }
    }
}

#[test]
fn grafana_finds_prometheus_and_the_dashboard() {
    let compose = compose();
    let grafana = &compose.services["grafana"];
    let provisioned = |file: &str| grafana.mounted(&format!("/etc/grafana/provisioning/{file}")).unwrap();
    let sources: Datasources = serde_saphyr::from_str(&text_of(&provisioned("datasources/prometheus.yml"))).unwrap();
    let [source] = &sources.datasources[..] else { panic!("one source is all there is") };
    let (host, port) = source.url.strip_prefix("http://").unwrap().split_once(':').unwrap();
    let prometheus = &compose.services[host];
    assert!(grafana.meets(prometheus) && prometheus.ports == [format!("127.0.0.1:{port}:{port}")]);

    let dashboard = dashboard();
    let is_source = |wanted: &Value| wanted["uid"] == source.uid.as_str() && wanted["type"] == source.r#type.as_str();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    for user in panels(&dashboard).into_iter().chain(variables) {
        assert!(is_source(&user["datasource"]), "{} has another source", user["title"]);
    }
    let [instance] = &variables[..] else { panic!("the queries know one variable") };
    assert_eq!(instance["name"], "instance");
    let chosen_from = instance["definition"].as_str().unwrap();
    let (metric, label) = chosen_from.strip_prefix("label_values(").unwrap().split_once(", ").unwrap();
    assert!(series(metric).unwrap().1.contains(label.trim_end_matches(')')));

    let providers: Providers = serde_saphyr::from_str(&text_of(&provisioned("dashboards/voice-gateway.yml"))).unwrap();
    let folder = &providers.providers[0].options.path;
    assert_eq!(grafana.mounted(folder).as_deref(), Some("./docker/grafana/dashboards"));
    let home = grafana.mounted(&grafana.environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]).unwrap();
    assert!(root().join(home).is_file());
}

#[test]
fn nobody_can_change_anything_in_grafana() {
    let compose = compose();
    let environment = &compose.services["grafana"].environment;
    assert_eq!(environment["GF_AUTH_ANONYMOUS_ORG_ROLE"], "Viewer");
    assert_eq!(environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"], "true", "admin with the password admin");
    assert_eq!(environment["GF_AUTH_DISABLE_LOGIN_FORM"], "true");
}
