//! Changes to what the input means, where the usual ones change its bytes.
//!
//! Without it nearly every change breaks the JSON or the base64url, and the fuzzer stays at the
//! door. Members are added, taken out, doubled, renamed and given other values, also inside of
//! base64url; the words come from the dictionary.

use std::sync::LazyLock;

use countersign_jose::base64url;
use libfuzzer_sys::fuzzer_mutate;
use serde_json::value::RawValue;

use crate::{
    encode,
    reference::{self, Node},
};

/// Strings that libFuzzer knows too, without quotes and escapes.
static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let lines = include_str!("../jose.dict").lines().filter(|line| !line.starts_with('#'));
    let word = |line: &str| serde_json::from_str::<String>(line).ok();
    lines.filter_map(word).filter(|word| word.starts_with(char::is_alphanumeric)).collect()
});
const ATOMS: [&str; 14] = [
    "0",
    "-1",
    "1",
    "16",
    "1000",
    "1e3",
    "0.5",
    "1e400",
    "1790000000",
    "1790000031",
    "1789999969",
    "true",
    "false",
    "null",
];

/// Mutates `data[..size]` in place and gives the new size. Half of the changes are libFuzzer's own.
pub fn structure(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut dice = Dice(u64::from(seed));
    if dice.below(2) == 0
        && let Some(changed) = changed(&data[..size], &mut dice)
        && changed.len() <= max_size
    {
        data[..changed.len()].copy_from_slice(&changed);
        return changed.len();
    }
    fuzzer_mutate(data, size, max_size)
}

/// A small generator of numbers (SplitMix64): the same seed gives the same change.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from(mixed >> 33).unwrap_or_default() % end.max(1)
    }

    fn word(&mut self) -> String {
        WORDS[self.below(WORDS.len())].clone()
    }

    fn value(&mut self) -> Node {
        match self.below(8) {
            0..3 => Node::Text(self.word()),
            3..6 => Node::Atom(ATOMS[self.below(ATOMS.len())].to_owned()),
            6 => Node::Array(vec![Node::Text(self.word())]),
            _ => Node::Object(vec![(self.word(), Node::Text(self.word()))]),
        }
    }
}

/// The input with one of its objects changed: an object that stands in it as such, or a part
/// between dots that holds one.
fn changed(data: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    let start = data.iter().position(|&byte| byte == b'{');
    if let Some(start) = start {
        let text = std::str::from_utf8(&data[start..]).ok().or_else(|| prefix(&data[start..]))?;
        let raw = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>().next()?.ok()?;
        let mut node = reference::object(raw.get().as_bytes())?;
        change(&mut node, dice);
        let rest = &data[start + raw.get().len()..];
        return Some([&data[..start], written(&node).as_bytes(), rest].concat());
    }
    let mut parts: Vec<String> =
        std::str::from_utf8(data).ok()?.split('.').map(str::to_owned).collect();
    let place = dice.below(parts.len().min(5));
    parts[place] = inside(&parts[place], dice)?;
    Some(parts.join(".").into_bytes())
}

/// What of it is UTF-8, up to the first byte that is not.
fn prefix(bytes: &[u8]) -> Option<&str> {
    let end = std::str::from_utf8(bytes).err()?.valid_up_to();
    std::str::from_utf8(&bytes[..end]).ok()
}

/// Base64url of an object, with the object changed.
fn inside(text: &str, dice: &mut Dice) -> Option<String> {
    let decoded = base64url::decode(text.as_bytes()).ok()?;
    let mut node = reference::object(&decoded)?;
    change(&mut node, dice);
    Some(encode(written(&node)))
}

fn change(node: &mut Node, dice: &mut Dice) {
    match node {
        Node::Object(members) => change_members(members, dice),
        Node::Array(items) => {
            let place = dice.below(items.len());
            match (items.is_empty(), dice.below(6)) {
                (true, _) | (_, 0) => items.insert(place, dice.value()),
                (_, 1) => drop(items.remove(place)),
                (_, 2) => items.insert(place, items[place].clone()),
                _ => change(&mut items[place], dice),
            }
        }
        Node::Text(text) => match inside(text, dice) {
            Some(changed) if dice.below(4) != 0 => *text = changed,
            _ => *node = dice.value(),
        },
        Node::Atom(_) => *node = dice.value(),
    }
}

fn change_members(members: &mut Vec<(String, Node)>, dice: &mut Dice) {
    let place = dice.below(members.len());
    match (members.is_empty(), dice.below(8)) {
        (true, _) | (_, 0 | 1) => members.insert(place, (dice.word(), dice.value())),
        (_, 2) => drop(members.remove(place)),
        (_, 3) => members.insert(dice.below(place + 1), members[place].clone()),
        (_, 4) => members[place].0 = dice.word(),
        _ => change(&mut members[place].1, dice),
    }
}

fn written(node: &Node) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    match node {
        Node::Atom(text) => text.clone(),
        Node::Text(text) => quoted(text),
        Node::Array(items) => {
            format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(","))
        }
        Node::Object(members) => {
            let member =
                |(name, value): &(String, Node)| format!("{}:{}", quoted(name), written(value));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Dice, changed, encode, reference};

    /// Each kind of input that the targets have stays one of its kind, and does change.
    #[test]
    fn most_changes_leave_the_form_whole() {
        let header = encode(r#"{"alg":"HS256","kid":"k"}"#);
        let inputs = [
            format!(r#"{{"protected":"{header}","a":[1,{{"b":null}}]}}"#).into_bytes(),
            [&b"\x05"[..], br#"{"iss":"x","exp":1}"#].concat(),
            [&b"\x00"[..], br#"{"alg":"dir"}"#, b"\x00\xff plaintext"].concat(),
        ];
        for input in inputs {
            let mut whole = 0;
            for seed in 1..200 {
                let made = changed(&input, &mut Dice(seed)).unwrap();
                let start = made.iter().position(|&byte| byte == b'{').unwrap();
                let end = made.iter().rposition(|&byte| byte == b'}').unwrap();
                whole += usize::from(reference::object(&made[start..=end]).is_some());
            }
            // What is doubled is refused, as it must be.
            assert!((150..199).contains(&whole), "{whole}");
        }
        let token = format!("{header}.{header}.AAAA");
        let made = (1..50).filter_map(|seed| changed(token.as_bytes(), &mut Dice(seed)));
        assert!(made.filter(|made| made.split(|&byte| byte == b'.').count() == 3).count() > 10);
    }
}
