//! The way through a response to its records and signals, as a tree of steps.

use std::sync::Arc;

use spile_expression::{RecordPath, Step};

/// The way to some of the paths. Nearly always there is one route for all; paths that get in each other's way (one
/// inside what another selects) are followed in passes of their own.
#[derive(Clone, Debug, Default)]
pub(super) struct Route(pub(super) Node);

/// A place on the way.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// What is taken here; then there is no further way from here.
    pub(super) take: Option<Take>,
    keys: Vec<(Arc<str>, Node)>,
    indexes: Vec<(usize, Node)>,
    /// Into every element or member; then there are neither keys nor indexes.
    pub(super) each: Option<Box<Node>>,
}

/// What is done with the value at a place.
#[derive(Clone, Debug)]
pub(super) enum Take {
    Records,
    Signals(Vec<usize>),
}

/// The routes for these paths, the first one with the records; `None` where a path is not simple.
pub(super) fn routes(records: &RecordPath, values: &[RecordPath]) -> Option<Vec<Route>> {
    let mut first = Route::default();
    first.0.add(records.steps()?, Take::Records);
    let mut routes = vec![first];
    for (index, path) in values.iter().enumerate() {
        let steps = path.steps()?;
        if let Some(route) = routes.iter_mut().find(|route| route.0.has_room_for(steps)) {
            route.0.add(steps, Take::Signals(vec![index]));
        } else {
            let mut own = Route::default();
            own.0.add(steps, Take::Signals(vec![index]));
            routes.push(own);
        }
    }
    Some(routes)
}

impl Node {
    fn has_room_for(&self, steps: &[Step]) -> bool {
        let Some((step, rest)) = steps.split_first() else {
            // The same value may be taken as several signals.
            return matches!(self.take, Some(Take::Signals(_))) || (self.take.is_none() && self.is_leaf());
        };
        if self.take.is_some() {
            return false;
        }
        match step {
            Step::Each => self.each.as_ref().map_or(self.is_leaf(), |node| node.has_room_for(rest)),
            Step::Key(_) | Step::Index(_) if self.each.is_some() => false,
            Step::Key(key) => self.at_key(|name| *name == **key).is_none_or(|node| node.has_room_for(rest)),
            Step::Index(at) => self.at_index(*at).is_none_or(|node| node.has_room_for(rest)),
        }
    }

    fn is_leaf(&self) -> bool {
        self.keys.is_empty() && self.indexes.is_empty() && self.each.is_none()
    }

    fn add(&mut self, steps: &[Step], take: Take) {
        let Some((step, rest)) = steps.split_first() else {
            match (&mut self.take, take) {
                (Some(Take::Signals(known)), Take::Signals(more)) => known.extend(more),
                (place, take) => *place = Some(take),
            }
            return;
        };
        let next = match step {
            Step::Each => &mut **self.each.get_or_insert_default(),
            Step::Key(key) => entry(&mut self.keys, key.clone()),
            Step::Index(at) => entry(&mut self.indexes, *at),
        };
        next.add(rest, take);
    }

    /// The way on into the member whose key `is_key` recognises.
    pub(super) fn at_key(&self, is_key: impl Fn(&str) -> bool) -> Option<&Self> {
        self.each.as_deref().or_else(|| self.keys.iter().find(|(name, _)| is_key(name)).map(|(_, node)| node))
    }

    /// The way on into the element at `at`.
    pub(super) fn at_index(&self, at: usize) -> Option<&Self> {
        self.each.as_deref().or_else(|| self.indexes.iter().find(|(index, _)| *index == at).map(|(_, node)| node))
    }

    /// Whether the records lie behind this place.
    pub(super) fn leads_to_records(&self) -> bool {
        matches!(self.take, Some(Take::Records))
            || self.each.as_deref().is_some_and(Node::leads_to_records)
            || self.keys.iter().any(|(_, node)| node.leads_to_records())
            || self.indexes.iter().any(|(_, node)| node.leads_to_records())
    }
}

fn entry<K: PartialEq>(nodes: &mut Vec<(K, Node)>, key: K) -> &mut Node {
    let at = nodes.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
        nodes.push((key, Node::default()));
        nodes.len() - 1
    });
    &mut nodes[at].1
}
