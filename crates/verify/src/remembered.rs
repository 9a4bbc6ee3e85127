//! What was found out about tokens, by their whole text, within a bound of bytes.
//!
//! A look takes no lock and writes to no memory that others read, so any number of threads can find
//! the same token without waiting for each other. Only who adds or takes out an entry waits. When
//! there is no room, what was not asked for since the last round goes first.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use foldhash::quality::RandomState;
use papaya::HashMap;

/// What an entry takes beside its text and what was found out, which together are taken for three
/// times the text.
const BYTES_BESIDE: u64 = 512;

/// Values by the text of tokens. The hash has a seed of its own in each process, and the whole text
/// is compared, so that no token can be made to pass for another.
pub(crate) struct Remembered<V> {
    entries: HashMap<Arc<str>, Entry<V>, RandomState>,
    order: Mutex<Order>,
    max_bytes: u64,
}

struct Entry<V> {
    value: V,
    /// Whether somebody asked for it since it was last passed over.
    used: AtomicBool,
}

/// The texts from the oldest to the newest, and what their entries take together.
#[derive(Default)]
struct Order {
    texts: VecDeque<Arc<str>>,
    bytes: u64,
}

fn weight(text: &str) -> u64 {
    3 * text.len() as u64 + BYTES_BESIDE
}

impl<V: Clone> Remembered<V> {
    pub(crate) fn new(max_bytes: u64) -> Self {
        let entries = HashMap::builder().hasher(RandomState::default()).build();
        Self { entries, order: Mutex::default(), max_bytes }
    }

    pub(crate) fn get(&self, text: &str) -> Option<V> {
        let entries = self.entries.pin();
        let entry = entries.get(text)?;
        // Written once, then only read: a second thread must not wait for the first.
        if !entry.used.load(Ordering::Relaxed) {
            entry.used.store(true, Ordering::Relaxed);
        }
        Some(entry.value.clone())
    }

    /// Remembers a value in the place of an older one of the same text.
    pub(crate) fn insert(&self, text: &str, value: V) {
        if weight(text) > self.max_bytes {
            return;
        }
        let mut order = self.order();
        let entries = self.entries.pin();
        let text: Arc<str> = text.into();
        let entry = Entry { value, used: AtomicBool::new(false) };
        if entries.insert(text.clone(), entry).is_none() {
            order.bytes += weight(&text);
            order.texts.push_back(text);
        }
        // Each is passed over at most once.
        let mut second_chances = order.texts.len();
        while order.bytes > self.max_bytes
            && let Some(oldest) = order.texts.pop_front()
        {
            let used = entries.get(&*oldest).map(|entry| &entry.used);
            if second_chances > 0 && used.is_some_and(|used| used.swap(false, Ordering::Relaxed)) {
                second_chances -= 1;
                order.texts.push_back(oldest);
            } else {
                entries.remove(&*oldest);
                order.bytes -= weight(&oldest);
            }
        }
    }

    pub(crate) fn remove(&self, text: &str) {
        let mut order = self.order();
        if self.entries.pin().remove(text).is_some() {
            order.texts.retain(|known| **known != *text);
            order.bytes -= weight(text);
        }
    }

    /// Keeps only what is still worth it.
    pub(crate) fn retain(&self, keep: impl Fn(&V) -> bool) {
        let mut order = self.order();
        let entries = self.entries.pin();
        let Order { texts, bytes } = &mut *order;
        texts.retain(|text| {
            let kept = entries.get(&**text).is_some_and(|entry| keep(&entry.value));
            if !kept {
                entries.remove(&**text);
                *bytes -= weight(text);
            }
            kept
        });
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn order(&self) -> MutexGuard<'_, Order> {
        // Nothing panics while this lock is held.
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Room for so many texts of one byte.
    fn room(entries: u64) -> Remembered<u32> {
        Remembered::new(entries * weight("a"))
    }

    #[test]
    fn what_was_not_asked_for_goes_first() {
        let cache = room(3);
        for (value, text) in ["a", "b", "c"].into_iter().enumerate() {
            cache.insert(text, value as u32);
        }
        assert_eq!(cache.get("a"), Some(0));
        cache.insert("d", 3);
        assert_eq!((cache.get("b"), cache.len()), (None, 3));
        // "c" was not asked for either, "a" has had its second chance.
        cache.insert("e", 4);
        assert_eq!((cache.get("c"), cache.get("a")), (None, Some(0)));
        for text in ["f", "g", "h"] {
            cache.get("a");
            cache.insert(text, 9);
        }
        assert_eq!((cache.get("a"), cache.len()), (Some(0), 3), "who is asked for stays");
    }

    #[test]
    fn no_room_and_too_long_a_text_are_no_error() {
        let cache = Remembered::new(weight("a"));
        cache.insert("ab", 1);
        assert_eq!((cache.get("ab"), cache.len()), (None, 0));
        cache.insert("a", 1);
        cache.insert("b", 2);
        assert_eq!((cache.get("a"), cache.get("b"), cache.len()), (None, Some(2), 1));
        let none = Remembered::new(0);
        none.insert("", 1);
        assert_eq!(none.len(), 0);
    }

    #[test]
    fn taking_out_and_putting_back_keeps_the_books() {
        let cache = room(2);
        for round in 0..100 {
            cache.insert("a", round);
            assert_eq!(cache.get("a"), Some(round));
            cache.insert("a", round + 1);
            assert_eq!(cache.get("a"), Some(round + 1), "the newer one counts");
            cache.remove("a");
            cache.remove("a");
            assert_eq!(cache.get("a"), None);
        }
        let order = cache.order();
        assert_eq!((order.bytes, order.texts.len()), (0, 0));
    }

    #[test]
    fn what_is_not_worth_it_goes_at_once() {
        let cache = room(10);
        for value in 0..10u32 {
            cache.insert(&value.to_string(), value);
        }
        cache.retain(|value| value % 2 == 0);
        assert_eq!((cache.len(), cache.get("3"), cache.get("4")), (5, None, Some(4)));
        assert_eq!(cache.order().bytes, 5 * weight("0"));
    }

    #[test]
    fn many_threads_stay_within_the_bound() {
        let cache = room(50);
        std::thread::scope(|scope| {
            for thread in 0..4u32 {
                let cache = &cache;
                scope.spawn(move || {
                    for round in 0..5_000u32 {
                        let text = char::from_u32(0x21 + (round * (thread + 1)) % 90);
                        let text = text.expect("ASCII").to_string();
                        match round % 7 {
                            0 => cache.remove(&text),
                            1 | 2 => cache.insert(&text, round),
                            _ => drop(cache.get(&text)),
                        }
                    }
                });
            }
        });
        let order = cache.order();
        assert_eq!(order.bytes, order.texts.len() as u64 * weight("a"));
        assert_eq!(order.texts.len(), cache.len());
        assert!(cache.len() <= 50);
    }
}
