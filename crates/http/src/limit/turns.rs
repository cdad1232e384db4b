//! Whose turn it is: streams take turns, and within a stream who asks first goes first.

use std::collections::HashMap;

use spile_model::StreamName;

/// Who waits, in the order of asking.
#[derive(Default)]
pub(super) struct Turns {
    waiting: Vec<Ticket>,
    next: u64,
    /// When each stream had its last turn, as a count of turns.
    last: HashMap<StreamName, u64>,
    turns: u64,
}

pub(super) struct Ticket {
    pub(super) number: u64,
    pub(super) stream: StreamName,
    pub(super) path: Box<str>,
}

impl Turns {
    /// Takes a number.
    pub(super) fn ask(&mut self, stream: &StreamName, path: &str) -> u64 {
        self.next += 1;
        self.waiting.push(Ticket { number: self.next, stream: stream.clone(), path: path.into() });
        self.next
    }

    /// Who goes, or would go but for what is in its way: each stream's first, the one whose last turn is longest ago
    /// first.
    pub(super) fn order(&self) -> Vec<&Ticket> {
        let mut first: Vec<&Ticket> = Vec::new();
        for ticket in &self.waiting {
            if !first.iter().any(|other| other.stream == ticket.stream) {
                first.push(ticket);
            }
        }
        first.sort_by_key(|ticket| self.last.get(&ticket.stream).copied().unwrap_or_default());
        first
    }

    pub(super) fn go(&mut self, number: u64) {
        self.turns += 1;
        if let Some(stream) = self.leave(number) {
            self.last.insert(stream, self.turns);
        }
    }

    /// Gives a number up.
    pub(super) fn leave(&mut self, number: u64) -> Option<StreamName> {
        let at = self.waiting.iter().position(|ticket| ticket.number == number)?;
        Some(self.waiting.remove(at).stream)
    }
}
