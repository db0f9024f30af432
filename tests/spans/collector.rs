//! Collects spans: their names and fields, what they hang below, and whether they are still open.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;
use voice_testkit::vendors::locked;

/// Every span there was, in the order in which they opened.
#[derive(Clone, Default)]
pub(crate) struct Collector(Arc<Mutex<Vec<Seen>>>);

struct Seen {
    id: Id,
    name: &'static str,
    /// Its place in the order.
    parent: Option<usize>,
    fields: BTreeMap<&'static str, String>,
    is_open: bool,
}

impl Collector {
    /// Every span by its way from the root, with the values of its fields: `call CA1 > turn 0`.
    pub(crate) fn paths(&self) -> Vec<String> {
        let spans = locked(&self.0);
        let mut paths: Vec<String> = Vec::with_capacity(spans.len());
        for Seen { name, parent, fields, .. } in spans.iter() {
            let values = fields.values().map(String::as_str);
            let step = std::iter::once(*name).chain(values).collect::<Vec<_>>().join(" ");
            paths.push(parent.map_or(step.clone(), |parent| format!("{} > {step}", paths[parent])));
        }
        paths
    }

    /// The names of those that are still open.
    pub(crate) fn open(&self) -> Vec<&'static str> {
        locked(&self.0).iter().filter(|span| span.is_open).map(|span| span.name).collect()
    }
}

/// The place of an open span; ids are used again when a span has closed.
fn place(spans: &[Seen], id: &Id) -> Option<usize> {
    spans.iter().rposition(|span| span.is_open && span.id == *id)
}

fn keep(fields: &mut BTreeMap<&'static str, String>) -> impl FnMut(&Field, &dyn Debug) {
    |field, value| {
        fields.insert(field.name(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Collector {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut spans = locked(&self.0);
        let parent = context.span(id).and_then(|span| span.parent()).and_then(|parent| place(&spans, &parent.id()));
        let mut fields = BTreeMap::new();
        attributes.record(&mut keep(&mut fields));
        let name = attributes.metadata().name();
        spans.push(Seen { id: id.clone(), name, parent, fields, is_open: true });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut spans = locked(&self.0);
        if let Some(place) = place(&spans, id) {
            values.record(&mut keep(&mut spans[place].fields));
        }
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let mut spans = locked(&self.0);
        if let Some(place) = place(&spans, &id) {
            spans[place].is_open = false;
        }
    }
}
