//! A breadth-first search of everything that can happen.
//!
//! Written here instead of taken from stateright 0.31: that brings fifteen more packages into the
//! lock file (a web server among them), and it remembers states by a hash of 64 bits, so two that
//! collide are taken for one. This one keeps every state whole, and since it goes breadth first,
//! what it finds is the shortest way there.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

/// What there was to see.
#[derive(Debug)]
pub(super) struct Explored<Act> {
    /// Different states.
    pub(super) states: usize,
    /// Steps between them, those to a known state included.
    pub(super) steps: usize,
    /// Steps from the beginning to the farthest state.
    pub(super) depth: usize,
    /// The broken property and the shortest way to it; the search ends there.
    pub(super) broken: Option<(&'static str, Vec<Act>)>,
}

struct Node<State, Act> {
    state: State,
    came_by: Option<(usize, Act)>,
    depth: usize,
}

/// Tries every act in every state that can be reached from `first`.
pub(super) fn explore<State, Act>(
    first: State,
    acts: impl Fn(&State) -> Vec<Act>,
    apply: impl Fn(&State, Act) -> Result<State, &'static str>,
) -> Explored<Act>
where
    State: Copy + Eq + Hash,
    Act: Copy,
{
    let mut nodes = vec![Node { state: first, came_by: None, depth: 0 }];
    let mut known = HashMap::from([(first, 0)]);
    let (mut steps, mut at) = (0, 0);
    let mut broken = None;
    while let Some(Node { state, depth, .. }) = nodes.get(at) {
        let (state, depth) = (*state, *depth);
        for act in acts(&state) {
            steps += 1;
            match apply(&state, act) {
                Ok(next) => {
                    if let Entry::Vacant(place) = known.entry(next) {
                        place.insert(nodes.len());
                        let came_by = Some((at, act));
                        nodes.push(Node { state: next, came_by, depth: depth + 1 });
                    }
                }
                Err(property) => {
                    broken = Some((property, way(&nodes, at, act)));
                    break;
                }
            }
        }
        if broken.is_some() {
            break;
        }
        at += 1;
    }
    let depth = nodes.last().map_or(0, |node| node.depth);
    Explored { states: nodes.len(), steps, depth, broken }
}

fn way<State, Act: Copy>(nodes: &[Node<State, Act>], mut at: usize, last: Act) -> Vec<Act> {
    let mut acts = vec![last];
    while let Some((from, act)) = nodes[at].came_by {
        acts.push(act);
        at = from;
    }
    acts.reverse();
    acts
}

#[test]
fn finds_the_shortest_way() {
    let acts = |_: &u32| vec!["+1", "*2"];
    let step = |state: &u32, act| {
        let next = if act == "+1" { state + 1 } else { state * 2 };
        if next == 12 { Err("twelve") } else { Ok(next.min(100)) }
    };
    let Some((property, way)) = explore(1, acts, step).broken else { panic!("it is there") };
    assert_eq!((property, way), ("twelve", vec!["+1", "+1", "*2", "*2"]));
    let all = explore(1, acts, |state, act| step(state, act).or(Ok(12)));
    assert_eq!((all.states, all.steps), (100, 200));
}
