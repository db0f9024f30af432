//! Blocks of `lines.txt`: a situation, the line under test, and what has to come of it.

use super::Outcome;
use super::script::Stage;

/// One block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block<'t> {
    id: &'t str,
    script: &'t str,
}

/// The blocks of a file.
///
/// # Panics
/// When a block does not begin with `# id | style | note`.
pub(crate) fn blocks(text: &str) -> Vec<Block<'_>> {
    let blocks = text.split("\n\n").map(str::trim).filter(|block| !block.is_empty());
    blocks
        .map(|block| {
            let (head, script) = block.split_once('\n').unwrap_or((block, ""));
            let id = head.strip_prefix("# ").and_then(|head| head.split('|').next());
            Block { id: id.unwrap_or_else(|| panic!("{head:?} is no head of a block")).trim(), script }
        })
        .collect()
}

impl Block<'_> {
    /// Plays the block from the start of a call.
    pub(crate) fn play(&self, stage: &Stage) -> Outcome {
        let played = stage.run(self.script);
        let spoken = self.script.lines().filter(|line| line.starts_with("caller ") || line.starts_with("keypad "));
        Outcome {
            id: self.id.to_owned(),
            failure: played.misses.first().cloned(),
            wrong_writes: played.wrong_writes,
            turns: spoken.count(),
            told: played.told,
        }
    }
}
