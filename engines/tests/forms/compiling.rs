//! Mistakes in annotations: found at start-up, named with their tool and field.

use voice_engines::forms::Forms;

use super::script::agent;

const AGENT: &str = r#"
language = "en-US"

[[tools]]
name = "order"
side_effect = true

[tools.parameters]
type = "object"
required = ["size"]

[tools.parameters.properties.size]
type = "string"
enum = ["small", "large"]

[tools.parameters.properties.code]
type = "string"
pattern = "^[A-Z]{2}$"

[tools.forms]
triggers = ["order"]
read_back = "A {size} one[, code {code}]?"

[tools.forms.fields.size]
ask = ["Which size?", "Small or large?"]
"#;

fn mistake(from: &str, to: &str) -> String {
    assert!(AGENT.contains(from), "{from}");
    Forms::compile(&agent(&AGENT.replacen(from, to, 1)))
        .err()
        .map_or_else(|| "none".to_owned(), |error| error.to_string())
}

#[test]
fn accepts_the_agent_without_mistakes() {
    assert_eq!(mistake("order", "order"), "none");
}

#[test]
fn tells_the_mistakes_of_all_tools_together() {
    let another = "\n[[tools]]\nname = \"cancel\"\nside_effect = true\n\n[tools.parameters]\ntype = \"object\"\n";
    let two = AGENT.replace("[, code {code}]", "") + another;
    let problems = |text: &str| Forms::problems(&agent(text)).iter().map(ToString::to_string).collect::<Vec<_>>();
    let found = problems(&two);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("tool order, field read_back"), "{found:?}");
    assert!(found[1].contains("tool cancel, field read_back"), "{found:?}");
    assert_eq!(problems(AGENT), [""; 0]);
    assert_eq!(problems(&AGENT.replace("en-US", "de-DE")).len(), 1);
}

#[test]
fn names_the_tool_and_the_field_of_a_mistake() {
    let ask = "ask = [\"Which size?\", \"Small or large?\"]";
    for (from, to, expected) in [
        ("en-US", "de-DE", "forms speaks English, but the agent's language is de-DE"),
        (ask, "hint = \"Small or large\"", "tool order, field size: a required argument needs ask"),
        (ask, "ask = [\"Which size?\"]", "tool order, field forms: invalid length 1"),
        (ask, "asks = [\"Which size?\"]", "tool order, field forms: unknown field `asks`"),
        (ask, &format!("{ask}\nkind = \"colour\""), "tool order, field size: kind is \"colour\", but must be date"),
        (
            ask,
            &format!("{ask}\nearliest = \"noon\""),
            "tool order, field size: earliest is \"noon\", but must be a time",
        ),
        (ask, &format!("{ask}\nearliest = \"12:00\"\nlatest = \"11:00\""), "field size: earliest is after latest"),
        (ask, &format!("{ask}\nstep_minutes = 0"), "field size: step_minutes is 0"),
        (ask, &format!("{ask}\nunit = [\"one\"]"), "field size: unit needs two words"),
        (
            ask,
            &format!("{ask}\nsearch = \"find\""),
            "field size: search names \"find\", which is no tool with an offer",
        ),
        (
            ask,
            &format!("{ask}\n[tools.forms.fields.size.choices]\nhuge = [\"xl\"]"),
            "field size: choices names \"huge\"",
        ),
        (
            ask,
            &format!("{ask}\n[tools.forms.fields.colour]\nhint = \"red\""),
            "field colour: the tool has no such argument",
        ),
        (
            ask,
            &format!("{ask}\n[tools.forms.errors.gone]\nsay = \"Sorry\"\nask = \"colour\""),
            "field errors: ask names \"colour\"",
        ),
        ("A {size} one[, code {code}]?", "A {size} one?", "field read_back: it does not say {code}"),
        (
            "A {size} one[, code {code}]?",
            "A[ {size} one, code {code}]?",
            "field read_back: {size} needs brackets of its own",
        ),
        ("A {size} one[, code {code}]?", "A {size one?", "field read_back: it has a { without a }"),
        ("A {size} one[, code {code}]?", "A {size|loud} one?", "field read_back: it uses the unknown filter loud"),
        ("read_back = \"A {size} one[, code {code}]?\"", "", "field read_back: a tool that has side effects"),
        ("triggers = [\"order\"]", "triggers = [\"|\"]", "field triggers: a trigger has no words"),
        (
            "triggers = [\"order\"]",
            "triggers = [\"order\"]\nneed_one_of = { fields = [\"colour\"], ask = [\"a\", \"b\"] }",
            "field need_one_of: the tool has no argument \"colour\"",
        ),
        ("enum = [\"small\", \"large\"]", "enum = [1, 2]", "field size: a choice needs an enum of strings"),
        ("^[A-Z]{2}$", "^(A|B)+$", "field code: cannot tell the characters of a code from the pattern"),
        (
            "required = [\"size\"]",
            "required = [\"size\", \"colour\"]",
            "field colour: it is required, but the schema has no such property",
        ),
    ] {
        let mistake = mistake(from, to);
        assert!(mistake.contains(expected), "{to}: expected {expected:?}, got {mistake:?}");
    }
}
