//! The Dockerfile as a list of instructions, and what .dockerignore keeps out of it.

use crate::text_of;

/// One instruction, in the stage it belongs to.
pub(crate) struct Instruction {
    pub(crate) stage: String,
    pub(crate) keyword: String,
    pub(crate) rest: String,
}

pub(crate) fn dockerfile() -> Vec<Instruction> {
    let text = text_of("Dockerfile");
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let mut stage = String::new();
    let instructions = joined.lines().filter(|line| !line.trim().is_empty()).map(|line| {
        let (keyword, rest) = line.split_once(' ').unwrap();
        if keyword == "FROM" {
            stage = rest.split_once(" AS ").unwrap().1.to_owned();
        }
        let rest = rest.split_whitespace().collect::<Vec<_>>().join(" ");
        Instruction { stage: stage.clone(), keyword: keyword.to_owned(), rest }
    });
    instructions.collect()
}

pub(crate) fn instructions<'a>(all: &'a [Instruction], keyword: &str) -> Vec<&'a Instruction> {
    all.iter().filter(|instruction| instruction.keyword == keyword).collect()
}

/// The words of an instruction in its JSON form.
pub(crate) fn words(instruction: &Instruction) -> Vec<String> {
    let list = instruction.rest.find('[').unwrap();
    serde_json::from_str(&instruction.rest[list..]).unwrap()
}

pub(crate) fn only_in_stage<'a>(all: &'a [Instruction], stage: &str, keyword: &str) -> &'a Instruction {
    let found: Vec<_> = instructions(all, keyword).into_iter().filter(|found| found.stage == stage).collect();
    assert_eq!(found.len(), 1, "{keyword} of {stage}");
    found[0]
}

/// What a stage runs, command by command.
pub(crate) fn commands_of(all: &[Instruction], stage: &str) -> Vec<String> {
    let runs = instructions(all, "RUN").into_iter().filter(|run| run.stage == stage);
    runs.flat_map(|run| run.rest.split(" && ").map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Whether .dockerignore keeps a file or a folder out of builds, by itself or with a folder above it.
pub(crate) fn kept_out(path: &str) -> bool {
    let patterns = text_of(".dockerignore");
    let patterns: Vec<_> = patterns.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    ends.into_iter().any(|end| patterns.iter().any(|pattern| matches(pattern, &path[..end])))
}

/// The forms that .dockerignore uses: a path, `**/` before a name, one `*` within a name.
fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path) = match pattern.strip_prefix("**/") {
        Some(name) => (name, path.rsplit('/').next().unwrap_or(path)),
        None => (pattern, path),
    };
    match pattern.split_once('*') {
        Some((front, back)) => {
            path.strip_prefix(front).and_then(|rest| rest.strip_suffix(back)).is_some_and(|wild| !wild.contains('/'))
        }
        None => pattern == path,
    }
}

#[test]
fn ignoring_is_read_as_docker_reads_it() {
    for (pattern, path, expected) in [
        ("target", "target", true),
        ("target", "values/target", false),
        ("**/target", "values/target", true),
        ("**/*.ort", "a/b/encoder.ort", true),
        (".env.*", ".env.local", true),
        (".env.*", ".environment", false),
        ("fuzz/corpus", "fuzz/corpus", true),
        ("docker", "docker-compose.yml", false),
    ] {
        assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
    }
    assert!(kept_out("target/release/voice-gateway") && !kept_out("src/main.rs"));
}
