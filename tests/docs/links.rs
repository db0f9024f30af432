//! Links between pages, and from pages into the sources.

use std::collections::BTreeSet;
use std::fs;

use crate::{Page, pages};

/// The targets of all links in a line: `](target)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

/// The anchors that headings of a page make.
fn anchors(page: &Page) -> BTreeSet<String> {
    let headings = page.prose().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

/// Small letters, digits, hyphens and underscores stay, spaces become hyphens, all else goes.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_link_leads_to_a_file_and_to_a_heading_in_it() {
    let mut followed = 0;
    let mut broken = Vec::new();
    for page in pages() {
        let links = page.prose().flat_map(targets).map(str::to_owned).collect::<Vec<_>>();
        for link in links.into_iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:")) {
            followed += 1;
            let (file, heading) = link.split_once('#').map_or((link.as_str(), None), |(file, it)| (file, Some(it)));
            let target = if file.is_empty() { page.path.clone() } else { page.path.parent().unwrap().join(file) };
            let leads = match heading {
                None => target.exists(),
                Some(heading) => fs::read_to_string(&target)
                    .is_ok_and(|text| anchors(&Page { path: target.clone(), text }).contains(heading)),
            };
            if !leads {
                broken.push(format!("{}: {link}", page.name()));
            }
        }
    }
    assert!(followed > 60, "only {followed} links were found");
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn headings_become_anchors_as_the_host_makes_them() {
    assert_eq!(anchor("Why `forms`, and not a small LLM?"), "why-forms-and-not-a-small-llm");
    assert_eq!(anchor("From a bad call to a test"), "from-a-bad-call-to-a-test");
    assert_eq!(targets("see [a](b.md#c) and [d](e)").collect::<Vec<_>>(), ["b.md#c", "e"]);
}

#[test]
fn every_decision_is_in_the_list_of_decisions() {
    let list = Page::read("docs/adr/README.md");
    for page in pages() {
        let name = page.path.file_name().unwrap().to_string_lossy().into_owned();
        if page.path.parent().unwrap().ends_with("docs/adr") && name != "README.md" {
            assert!(list.text.contains(&format!("]({name})")), "{name} is not listed");
            let number: u32 = name.split('-').next().unwrap().parse().unwrap();
            assert!(page.text.starts_with(&format!("# {number}. ")), "{name} has another number inside");
            for part in ["**Question.**", "**Choice.**", "**Price.**"] {
                assert!(page.text.contains(part), "{name} has no {part}");
            }
        }
    }
}
