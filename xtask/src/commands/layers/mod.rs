//! `layers`: holds the arrows of the design against `cargo metadata`.
//!
//! In: the direct dependencies of every crate of the workspace. Out: a count, or every breach with its remedy.
//! The arrows themselves are data in [`rules`].

mod metadata;
mod rules;

use crate::arguments::Arguments;
use crate::commands::Command;
use crate::problem::{Problem, Result};
use crate::workspace::Workspace;

use metadata::{Kind, Member};
use rules::{Outside, Room};

pub(crate) const COMMAND: Command = Command {
    name: "layers",
    arguments: "",
    summary: "check which crate may use which: rooms and outside crates",
    details: "A room may use what its arrow names and everything below that; some outside crates belong to some rooms\n\
              only (one HTTP client, one YAML parser, database drivers in destinations). The table is in\n\
              xtask/src/commands/layers/rules.rs.",
    run,
};

fn run(workspace: &Workspace, arguments: Arguments) -> Result {
    arguments.finish()?;
    println!("{}", check(workspace)?);
    Ok(())
}

/// One line when all arrows hold; all breaches as one problem when not.
pub(crate) fn check(workspace: &Workspace) -> Result<String> {
    let members = metadata::members(&workspace.metadata()?)?;
    let breaches = breaches(&members);
    if breaches.is_empty() {
        let rooms = members.iter().filter(|member| member.room.is_some()).count();
        let uses: usize = members.iter().map(|member| member.uses.len()).sum();
        return Ok(format!("layers: {rooms} rooms, {uses} uses, every arrow holds"));
    }
    Err(Problem::new(format!("{} uses go against the design (§3)\n{}", breaches.len(), breaches.join("\n"))))
}

fn breaches(members: &[Member]) -> Vec<String> {
    members.iter().flat_map(|member| breaches_of(member, members)).collect()
}

fn breaches_of(member: &Member, members: &[Member]) -> Vec<String> {
    let Some(room) = &member.room else {
        return xtask_breaches(member, members);
    };
    let Some(rules) = rules::room(room) else {
        return vec![format!(
            "- crates/{room} is no room of the design\n    remedy: put its content into a room, or add it to the design \
             and to rules.rs"
        )];
    };
    let mut breaches = Vec::new();
    let expected = rules::crate_name(room);
    if member.name != expected {
        breaches.push(format!("- crates/{room} holds the crate `{}`\n    remedy: name it `{expected}`", member.name));
    }
    // A crate may name itself among its tests' dependencies, to switch on its own features.
    for used in member.uses.iter().filter(|used| used.name != member.name) {
        let breach = match room_of(&used.name, members) {
            Some(target) => room_breach(rules, &target, used.kind),
            None => outside_breach(rules, &used.name, used.kind),
        };
        breaches.extend(breach);
    }
    breaches
}

/// Developers' tools are not built with the product: xtask must build before DuckDB is there.
fn xtask_breaches(member: &Member, members: &[Member]) -> Vec<String> {
    let rooms = member.uses.iter().filter(|used| room_of(&used.name, members).is_some());
    rooms
        .map(|used| {
            format!("- {} uses {}\n    remedy: start the built program instead of linking it", member.name, used.name)
        })
        .collect()
}

fn room_of(crate_name: &str, members: &[Member]) -> Option<String> {
    members.iter().find(|member| member.name == crate_name)?.room.clone()
}

fn room_breach(rules: &Room, target: &str, kind: Kind) -> Option<String> {
    if target == rules::TESTKIT && rules.name != rules::TESTKIT {
        return (kind != Kind::Dev).then(|| {
            format!(
                "- {} uses testkit outside its tests\n    remedy: move the line to [dev-dependencies]; testkit is never \
                 shipped",
                rules.name
            )
        });
    }
    if rules::reaches(rules.name, target) {
        return None;
    }
    let below: Vec<_> = rules::below(rules.name).into_iter().collect();
    let allowed = if below.is_empty() { "no other room".to_owned() } else { below.join(", ") };
    Some(format!(
        "- {} uses {target}, which no arrow allows (it may use {allowed})\n    remedy: move what both need to a room \
         below both, or hand it in from above",
        rules.name
    ))
}

fn outside_breach(rules: &Room, crate_name: &str, kind: Kind) -> Option<String> {
    // A test may look at the outcome with any tool, for example at a table with the database's own driver.
    if kind == Kind::Dev {
        return None;
    }
    let Outside { why, .. } = rules::OUTSIDE.iter().find(|outside| outside.forbids(crate_name, rules.name))?;
    Some(format!("- {} uses the crate `{crate_name}`\n    remedy: {why}", rules.name))
}

#[cfg(test)]
mod tests;
