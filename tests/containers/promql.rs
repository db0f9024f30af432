//! Reads as much of PromQL as the dashboard and the alerts use, and says which metrics and labels they need.
//!
//! [`read`] refuses what it does not know: an unknown function, a range where none belongs, a rest behind the
//! end. [`Expr::labels`] is what a result is told apart by.

use std::collections::BTreeSet;

/// Operators between two expressions; which binds tighter matters to nothing that is asked here.
const OPERATORS: [&str; 13] = ["and", "or", "unless", "==", "!=", ">=", "<=", ">", "<", "+", "-", "*", "/"];
const AGGREGATIONS: [&str; 5] = ["sum", "min", "max", "avg", "count"];
/// Functions of a range of a counter.
const OVER_A_RANGE: [&str; 2] = ["rate", "increase"];

#[derive(Debug, PartialEq)]
pub(crate) enum Expr {
    Number,
    Selector(Selector),
    /// `sum by (labels) (of)`.
    Aggregated {
        by: Vec<String>,
        of: Box<Expr>,
    },
    Call {
        function: String,
        arguments: Vec<Expr>,
    },
    Both(Box<Expr>, Box<Expr>),
}

#[derive(Debug, PartialEq)]
pub(crate) struct Selector {
    pub(crate) metric: String,
    /// Label and value of each matcher.
    pub(crate) matchers: Vec<(String, String)>,
    has_range: bool,
}

/// Reads an expression to its end.
pub(crate) fn read(text: &str) -> Result<Expr, String> {
    let mut reader = Reader { tokens: tokens(text)?, at: 0 };
    let expr = reader.expression()?;
    match reader.tokens.get(reader.at) {
        None => well_formed(expr),
        Some(rest) => Err(format!("nothing may follow before {rest:?}")),
    }
}

impl Expr {
    /// Every selector within.
    pub(crate) fn selectors(&self) -> Vec<&Selector> {
        match self {
            Self::Number => vec![],
            Self::Selector(selector) => vec![selector],
            Self::Aggregated { of, .. } => of.selectors(),
            Self::Call { arguments, .. } => arguments.iter().flat_map(Self::selectors).collect(),
            Self::Both(left, right) => [left.selectors(), right.selectors()].concat(),
        }
    }

    /// The labels of the result, where `of_metric` knows those of a metric; an error where an aggregation names
    /// one that is not there, or a quantile has no buckets.
    pub(crate) fn labels(&self, of_metric: &dyn Fn(&str) -> BTreeSet<String>) -> Result<BTreeSet<String>, String> {
        match self {
            Self::Number => Ok(BTreeSet::new()),
            Self::Selector(selector) => Ok(of_metric(&selector.metric)),
            Self::Aggregated { by, of } => {
                let there = of.labels(of_metric)?;
                match by.iter().find(|label| !there.contains(*label)) {
                    Some(label) => Err(format!("there is no label {label} to aggregate by")),
                    None => Ok(by.iter().cloned().collect()),
                }
            }
            Self::Call { function, arguments } if function == "histogram_quantile" => {
                let [_, of] = arguments.as_slice() else { return Err("a quantile is of something".into()) };
                let mut labels = of.labels(of_metric)?;
                if labels.remove("le") { Ok(labels) } else { Err("a quantile needs the label le".into()) }
            }
            Self::Call { arguments, .. } => arguments.last().map_or(Ok(BTreeSet::new()), |of| of.labels(of_metric)),
            Self::Both(left, right) => {
                let (left, right) = (left.labels(of_metric)?, right.labels(of_metric)?);
                if left == right || right.is_empty() {
                    Ok(left)
                } else if left.is_empty() {
                    Ok(right)
                } else {
                    Err(format!("{left:?} does not match {right:?}"))
                }
            }
        }
    }
}

/// Ranges stand where a function takes one, and nowhere else.
fn well_formed(expr: Expr) -> Result<Expr, String> {
    fn check(expr: &Expr, wants_range: bool) -> Result<(), String> {
        match expr {
            Expr::Selector(selector) if selector.has_range != wants_range => {
                Err(format!("{} {} a range", selector.metric, if wants_range { "needs" } else { "must not have" }))
            }
            Expr::Number | Expr::Selector(_) => Ok(()),
            _ if wants_range => Err("a rate is of a counter and of nothing else".into()),
            Expr::Aggregated { of, .. } => check(of, false),
            Expr::Call { function, arguments } => {
                let wants_range = OVER_A_RANGE.contains(&function.as_str());
                let count = if function == "histogram_quantile" { 2 } else { 1 };
                if arguments.len() != count {
                    return Err(format!("{function} takes {count}"));
                }
                arguments.iter().try_for_each(|argument| check(argument, wants_range))
            }
            Expr::Both(left, right) => check(left, false).and_then(|()| check(right, false)),
        }
    }
    check(&expr, false).map(|()| expr)
}

/// Words, quoted texts, durations in brackets, operators and signs.
fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => 2 + rest[1..].find('"').ok_or("a quote has no end")?,
            _ if first.is_alphanumeric() || first == '_' => {
                rest.find(|c: char| !c.is_alphanumeric() && !"_:.".contains(c)).unwrap_or(rest.len())
            }
            _ if ["=~", "!~", "!=", "==", ">=", "<="].iter().any(|sign| rest.starts_with(sign)) => 2,
            '(' | ')' | '{' | '}' | '[' | ']' | ',' | '=' | '<' | '>' | '+' | '-' | '*' | '/' => 1,
            other => return Err(format!("{other:?} is no sign of the language")),
        };
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

struct Reader {
    tokens: Vec<String>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }

    fn next(&mut self) -> Result<String, String> {
        let token = self.tokens.get(self.at).cloned().ok_or("it ends too early")?;
        self.at += 1;
        Ok(token)
    }

    fn takes(&mut self, token: &str) -> bool {
        let is_next = self.peek() == token;
        self.at += usize::from(is_next);
        is_next
    }

    fn expects(&mut self, token: &str) -> Result<(), String> {
        if self.takes(token) { Ok(()) } else { Err(format!("{token:?} is missing before {:?}", self.peek())) }
    }

    fn expression(&mut self) -> Result<Expr, String> {
        let mut left = self.operand()?;
        while OPERATORS.contains(&self.peek()) {
            self.at += 1;
            left = Expr::Both(Box::new(left), Box::new(self.operand()?));
        }
        Ok(left)
    }

    fn operand(&mut self) -> Result<Expr, String> {
        if self.takes("(") {
            let inner = self.expression()?;
            return self.expects(")").map(|()| inner);
        }
        let word = self.next()?;
        if word.parse::<f64>().is_ok() {
            return Ok(Expr::Number);
        }
        if !word.starts_with(|first: char| first.is_ascii_lowercase()) {
            return Err(format!("{word:?} is no operand"));
        }
        if AGGREGATIONS.contains(&word.as_str()) {
            let by = if self.takes("by") { self.labels()? } else { Vec::new() };
            self.expects("(")?;
            let of = Box::new(self.expression()?);
            return self.expects(")").map(|()| Expr::Aggregated { by, of });
        }
        if self.takes("(") {
            if !OVER_A_RANGE.contains(&word.as_str()) && !["histogram_quantile", "vector"].contains(&word.as_str()) {
                return Err(format!("{word} is no function that is known here"));
            }
            let mut arguments = vec![self.expression()?];
            while self.takes(",") {
                arguments.push(self.expression()?);
            }
            return self.expects(")").map(|()| Expr::Call { function: word, arguments });
        }
        self.selector(word).map(Expr::Selector)
    }

    fn labels(&mut self) -> Result<Vec<String>, String> {
        self.expects("(")?;
        let mut labels = vec![self.next()?];
        while self.takes(",") {
            labels.push(self.next()?);
        }
        self.expects(")").map(|()| labels)
    }

    fn selector(&mut self, metric: String) -> Result<Selector, String> {
        let mut matchers = Vec::new();
        if self.takes("{") {
            while !self.takes("}") {
                let label = self.next()?;
                let sign = self.next()?;
                let quoted = self.next()?;
                let value = quoted.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
                match (sign.as_str(), value) {
                    ("=" | "!=" | "=~" | "!~", Some(value)) => matchers.push((label, value.to_owned())),
                    _ => return Err(format!("{label}{sign}{quoted} is no matcher")),
                }
                if self.peek() != "}" {
                    self.expects(",")?;
                }
            }
        }
        let has_range = self.takes("[");
        if has_range {
            let length = self.next()?;
            let (digits, unit) = length.split_at(length.find(|c: char| !c.is_ascii_digit()).unwrap_or(length.len()));
            if digits.is_empty() || !["s", "m", "h", "d"].contains(&unit) {
                return Err(format!("{length:?} is no duration"));
            }
            self.expects("]")?;
        }
        Ok(Selector { metric, matchers, has_range })
    }
}

#[test]
fn expressions_say_what_they_need_and_give() {
    let labels = |metric: &str| match metric {
        "a_bucket" => ["le", "stage", "instance"].map(str::to_owned).into(),
        _ => ["stage", "instance"].map(str::to_owned).into(),
    };
    let quantile =
        read(r#"histogram_quantile(0.95, sum by (stage, le) (rate(a_bucket{stage=~"x|y"}[5m]))) > 2"#).unwrap();
    assert_eq!(quantile.labels(&labels), Ok(["stage".to_owned()].into()));
    let selectors = quantile.selectors();
    assert_eq!(selectors[0].metric, "a_bucket");
    assert_eq!(selectors[0].matchers, [("stage".to_owned(), "x|y".to_owned())]);
    assert_eq!(read("sum(increase(b[1h])) or vector(0)").unwrap().labels(&labels), Ok(BTreeSet::new()));
    for (text, fault) in [
        ("histogram_quantile(0.9, sum by (stage) (rate(a_bucket[5m])))", "a quantile needs the label le"),
        ("sum by (vendor) (rate(b[5m]))", "there is no label vendor to aggregate by"),
        ("sum by (stage) (b) / sum by (instance) (b)", r#"{"stage"} does not match {"instance"}"#),
    ] {
        assert_eq!(read(text).unwrap().labels(&labels), Err(fault.to_owned()), "{text}");
    }
}

#[test]
fn what_prometheus_would_refuse_is_refused() {
    for wrong in [
        "",
        "sum(a",
        "sum(a))",
        "rate(a)",
        "a[5m]",
        "sum(a[5m])",
        "rate(sum(a)[5m])",
        "rate(sum(a))",
        "rate(a[5])",
        "a{b=c}",
        "a{b}",
        "a{b=\"c}",
        "a b",
        "a >",
        "> a",
        "sum by le (a)",
        "rat(a[5m])",
        "histogram_quantile(a)",
        "a{b=\"c\" d=\"e\"}",
        "A",
        "$x",
        "a[$__rate_interval]",
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}
