//! Puts tool calls together from the pieces in which servers send them.
//!
//! Servers disagree on indices, ids and names: see the rules at [`CallAssembler::push`]. Calls are
//! handed out only by [`CallAssembler::finish`], because a server may go back to an earlier call
//! as long as its answer lasts.

use serde_json::{Map, Value};

use crate::chat::ToolCall;

#[derive(Debug, Default)]
struct Slot {
    index: Option<u64>,
    id: Option<String>,
    name: Option<String>,
    arguments: String,
    extra_content: Option<Value>,
    extra_bytes: usize,
}

impl Slot {
    fn bytes(&self) -> usize {
        let name = |name: &Option<String>| name.as_ref().map_or(0, String::len);
        size_of::<Self>() + name(&self.id) + name(&self.name) + self.arguments.len() + self.extra_bytes
    }

    fn is_complete(&self) -> bool {
        self.name.is_some() && serde_json::from_str::<Value>(&self.arguments).is_ok()
    }
}

/// A finished call and what its server wants to see again beside it.
#[derive(Debug, PartialEq)]
pub(super) struct Assembled {
    pub(super) call: ToolCall,
    pub(super) extra_content: Option<Value>,
}

/// The tool calls of one answer.
#[derive(Debug, Default)]
pub(super) struct CallAssembler {
    slots: Vec<Slot>,
    last: usize,
}

impl CallAssembler {
    /// Takes one element of `delta.tool_calls`.
    ///
    /// - With an index, it belongs to the newest call under that index; but a new id after a
    ///   complete call is a new call (servers that always say index 0).
    /// - Without an index, it belongs to the call of its id; an unknown id or a name opens a new
    ///   call; anything else continues the last one.
    /// - Ids and names are set, never appended: some servers repeat them in every piece.
    pub(super) fn push(&mut self, delta: &Value) {
        let function = &delta["function"];
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let (id, name) = (text(&delta["id"]), text(&function["name"]));
        let known = match (delta["index"].as_u64(), &id) {
            (Some(index), _) => self.known_by_index(index, id.as_deref()),
            (None, Some(id)) => self.newest(|slot| slot.id.as_deref() == Some(id)),
            (None, None) if name.is_none() => self.last.checked_sub(1),
            (None, None) => None,
        };
        let position = known.unwrap_or_else(|| {
            self.slots.push(Slot { index: delta["index"].as_u64(), ..Slot::default() });
            self.slots.len() - 1
        });
        self.last = position + 1;
        let slot = &mut self.slots[position];
        slot.id = id.or_else(|| slot.id.take());
        slot.name = slot.name.take().or(name);
        match &function["arguments"] {
            Value::String(piece) => slot.arguments.push_str(piece),
            object @ Value::Object(_) => slot.arguments = object.to_string(),
            _ => {}
        }
        if let Some(extra) = delta.get("extra_content").filter(|extra| !extra.is_null()) {
            slot.extra_bytes = extra.to_string().len();
            slot.extra_content = Some(extra.clone());
        }
    }

    /// What is kept.
    pub(super) fn bytes(&self) -> usize {
        self.slots.iter().map(Slot::bytes).sum()
    }

    /// Whether a named call would be lost if the answer ended here: its arguments are not whole.
    pub(super) fn is_cut(&self) -> bool {
        self.slots.iter().any(|slot| slot.name.is_some() && !slot.is_complete())
    }

    /// Whether no named call was opened.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.iter().all(|slot| slot.name.is_none())
    }

    /// Nothing can be added any more: the calls, in the order in which they were opened.
    pub(super) fn finish(&mut self) -> Vec<Assembled> {
        self.last = 0;
        self.slots.drain(..).flat_map(finish_slot).collect()
    }

    /// Nothing can be added any more, for the answer broke off: the calls whose arguments are a whole object.
    pub(super) fn finish_whole(&mut self) -> Vec<Assembled> {
        self.slots.retain(|slot| serde_json::from_str::<Map<String, Value>>(&slot.arguments).is_ok());
        self.finish()
    }

    fn known_by_index(&self, index: u64, id: Option<&str>) -> Option<usize> {
        let position = self.newest(|slot| slot.index == Some(index))?;
        let slot = &self.slots[position];
        let other_id = id.is_some() && slot.id.is_some() && slot.id.as_deref() != id;
        if !(other_id && slot.is_complete()) {
            return Some(position);
        }
        self.newest(|slot| slot.index == Some(index) && slot.id.as_deref() == id)
    }

    fn newest(&self, is_it: impl Fn(&Slot) -> bool) -> Option<usize> {
        self.slots.iter().rposition(is_it)
    }
}

/// One slot is one call, or several where a server glued their arguments together.
fn finish_slot(slot: Slot) -> Vec<Assembled> {
    let Some(name) = slot.name else { return Vec::new() };
    let mut arguments = split_glued(&slot.arguments).unwrap_or(vec![slot.arguments]);
    // A server that repeats its last piece must not book twice.
    arguments.dedup();
    let mut first = Some((slot.id, slot.extra_content));
    let assemble = |arguments| {
        let (id, extra_content) = first.take().unwrap_or_default();
        let id = id.unwrap_or_else(new_id);
        Assembled { call: ToolCall { id, name: name.clone(), arguments }, extra_content }
    };
    arguments.into_iter().map(assemble).collect()
}

/// The JSON objects in `arguments`, or nothing if there is anything else in it.
fn split_glued(arguments: &str) -> Option<Vec<String>> {
    if arguments.trim().is_empty() {
        return Some(vec!["{}".to_owned()]);
    }
    let mut objects = Vec::new();
    let mut values = serde_json::Deserializer::from_str(arguments).into_iter::<Value>();
    let mut start = 0;
    while let Some(value) = values.next() {
        value.ok().filter(Value::is_object)?;
        objects.push(arguments[start..values.byte_offset()].trim().to_owned());
        start = values.byte_offset();
    }
    Some(objects)
}

/// An id for a call that came without one.
fn new_id() -> String {
    format!("call_{:016x}", rand::random::<u64>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn assembled(deltas: &[Value]) -> Vec<(String, String, String)> {
        let mut assembler = CallAssembler::default();
        deltas.iter().for_each(|delta| assembler.push(delta));
        let calls = assembler.finish().into_iter().map(|assembled| assembled.call);
        calls.map(|call| (call.id, call.name, call.arguments)).collect()
    }

    fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
        (id.to_owned(), name.to_owned(), arguments.to_owned())
    }

    #[test]
    fn pieces_without_id_follow_the_newest_call_of_an_index_that_never_changes() {
        let calls = assembled(&[
            json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}),
            json!({"index": 0, "id": "b", "function": {"name": "g", "arguments": "{\"x\""}}),
            json!({"index": 0, "function": {"arguments": ":1}"}}),
        ]);
        assert_eq!(calls, [call("a", "f", "{}"), call("b", "g", "{\"x\":1}")]);
    }

    #[test]
    fn pieces_without_index_follow_their_id_or_the_last_call() {
        let calls = assembled(&[
            json!({"id": "a", "function": {"name": "f", "arguments": "{\"x\""}}),
            json!({"function": {"arguments": ":1}"}}),
            json!({"id": "b", "function": {"name": "g", "arguments": "{\"y\""}}),
            json!({"id": "b", "function": {"arguments": ":2}"}}),
        ]);
        assert_eq!(calls, [call("a", "f", "{\"x\":1}"), call("b", "g", "{\"y\":2}")]);
    }

    #[test]
    fn a_piece_repeated_whole_is_not_a_second_call() {
        let piece = json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{\"x\":1}"}});
        assert_eq!(assembled(&[piece.clone(), piece]), [call("a", "f", "{\"x\":1}")]);
    }

    #[test]
    fn arguments_that_are_no_objects_reach_the_tool_as_they_are() {
        let delta = json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{\"x\":"}});
        assert_eq!(assembled(&[delta]), [call("a", "f", "{\"x\":")]);
    }

    #[test]
    fn a_call_without_a_name_is_nothing() {
        assert_eq!(assembled(&[json!({"index": 0, "function": {"arguments": "{}"}}), json!(7)]), []);
    }
}
