//! How a browser's answer comes to `spile login`: back to this machine, or pasted into the terminal.

pub(crate) mod listener;
pub(crate) mod page;
pub(crate) mod pasted;
