//! What the pages promise: every link leads somewhere, and every setting, event, metric, route and path that a page
//! names is there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod links;
mod names;
mod operations;

use std::path::{Path, PathBuf};

/// A page of the repository.
struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    fn read(path: &str) -> Self {
        let path = root().join(path);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text }
    }

    fn name(&self) -> String {
        self.path.strip_prefix(root()).unwrap().display().to_string()
    }

    /// The lines outside of code blocks.
    fn prose(&self) -> impl Iterator<Item = &str> {
        let mut in_code = false;
        self.text.lines().filter(move |line| {
            let is_fence = line.starts_with("```");
            in_code ^= is_fence;
            !in_code && !is_fence
        })
    }

    /// The code blocks in a language.
    fn blocks(&self, language: &str) -> Vec<&str> {
        let starts = format!("```{language}\n");
        self.text.split(&starts).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
    }

    /// What stands in back quotes within the prose.
    fn quoted(&self) -> impl Iterator<Item = &str> {
        self.prose().flat_map(|line| line.split('`').skip(1).step_by(2))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page in the repository.
fn pages() -> Vec<Page> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with('.') && name != "target" {
                    folders.push(path);
                }
            } else if name.ends_with(".md") {
                found.push(Page::read(path.to_str().unwrap()));
            }
        }
    }
    assert!(found.len() > 15, "only {} pages were found", found.len());
    found
}
