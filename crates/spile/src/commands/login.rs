//! `spile login`: a person allows the pipeline what it needs, once; what comes of it is kept for all runs.

use std::time::Duration;

use clap::Args;
use spile_engine::{Asked, Login, login};
use spile_model::units::show_duration;
use spile_model::{Events, Failure, FailureKind};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::arguments::PipelineArguments;
use crate::exit::Exit;
use crate::key;
use crate::login::listener::{Answer, Listener};
use crate::login::page::Page;
use crate::login::pasted;
use crate::open;
use crate::output::terminal::Terminal;
use crate::problem::Problem;

/// Time to find a password and a telephone; servers keep a login open about as long.
const PATIENCE: Duration = Duration::from_secs(600);

/// A browser takes its page at once, or it is gone.
const DELIVERY: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pipeline: PipelineArguments,
    /// Open no browser: print the address, and take the one that a browser elsewhere ends at, pasted here
    #[arg(long, conflicts_with = "device")]
    no_browser: bool,
    /// Enter a code on any device, also where the pipeline has a page for a browser
    #[arg(long)]
    device: bool,
}

pub(crate) async fn execute(arguments: &Arguments, terminal: &Terminal) -> Result<Exit, Problem> {
    let plan = open::pipeline(&arguments.pipeline, Some(terminal)).await?;
    let Some(login) = login(&plan, &open::world(&plan, Events::nowhere()))? else {
        return Err(Problem::usage(format!("`{}` has no login: its credentials are in variables", plan.name))
            .remedy("for a login, say how a person is asked: `auth: { oauth2: { login: … } }`; see docs/login.md"));
    };
    let (store, told) = (plan.secrets.clone(), *terminal);
    let preparing = tokio::task::spawn_blocking(move || key::prepare(&store, &told));
    preparing.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
    login.can_be_kept().await?;
    if arguments.device || !login.has_page() {
        by_code(&login, terminal).await?;
    } else {
        in_browser(&login, &plan.name, arguments.no_browser, terminal).await?;
    }
    terminal.say(&format!("{}: logged in; what was allowed is kept as {}", plan.name, login.kept_as()));
    Ok(Exit::Success)
}

async fn by_code(login: &Login, terminal: &Terminal) -> Result<(), Problem> {
    let code = login.device_code().await?;
    let whole = code.whole_page.as_ref().map_or_else(String::new, |page| format!(" (or open {page})"));
    terminal.tell(&format!(
        "open {} on any device and enter the code {}{whole}\nwaiting for {} (Ctrl-C gives up)",
        code.page,
        terminal.strong(&code.user_code),
        show_duration(code.lifetime)
    ));
    Ok(login.entered(&code).await?)
}

async fn in_browser(login: &Login, pipeline: &str, no_browser: bool, terminal: &Terminal) -> Result<(), Problem> {
    let (answers, coming) = mpsc::channel(1);
    let redirect_uri = login.redirect_uri()?;
    let listener = Listener::start(redirect_uri, pipeline, answers.clone()).await.map_err(|error| {
        Problem::failed(format!("{redirect_uri} cannot be listened at: {error}"))
            .remedy("end what uses the port, or name another one in `redirect_uri` (and at the server)")
    })?;
    let asked = login.ask(listener.as_ref().map_or(redirect_uri, Listener::redirect_uri).to_owned())?;
    let pastes = no_browser || listener.is_none();
    if pastes {
        pasted::listen(answers, *terminal);
    } else {
        drop(answers);
        open_browser(&asked, *terminal);
    }
    tell(&asked, listener.is_some(), pastes, terminal);
    let verdict = timeout(PATIENCE, answer(login, &asked, coming)).await.unwrap_or_else(|_| {
        let message = format!("nobody answered within {}", show_duration(PATIENCE));
        Err(Failure::new(FailureKind::LoginNeeded, message))
    });
    if let Some(listener) = listener {
        let _ = timeout(DELIVERY, listener.close()).await;
    }
    Ok(verdict?)
}

fn tell(asked: &Asked, listens: bool, pastes: bool, terminal: &Terminal) {
    let url = terminal.strong(asked.url().as_str());
    let mut text = if pastes {
        format!("open this address in a browser, and allow what it asks for:\n\n  {url}\n")
    } else {
        format!("the browser asks what the pipeline may do; if it does not open, go to\n\n  {url}\n")
    };
    if listens {
        text += &format!("\nwaiting at {} for {} (Ctrl-C gives up)", asked.redirect_uri(), show_duration(PATIENCE));
    }
    if pastes {
        text += "\npaste the address that the browser ends at, also where it shows an error there:";
    }
    terminal.tell(&text);
}

/// The first answer that is one to what was asked.
async fn answer(login: &Login, asked: &Asked, mut coming: mpsc::Receiver<Answer>) -> Result<(), Failure> {
    while let Some(Answer { parameters, page }) = coming.recv().await {
        let ours = asked.is_answered_by(&parameters);
        let verdict = if ours { login.answered(asked, &parameters).await } else { Ok(()) };
        let shown = match &verdict {
            _ if !ours => Page::of_another_login(),
            Ok(()) => Page::done(),
            Err(failure) => Page::failed(failure),
        };
        // A browser that is gone by now misses a page, and nothing else.
        let _ = page.map(|page| page.send(shown));
        if ours {
            return verdict;
        }
    }
    let message = "nobody is there to paste the address that the browser ends at: stdin has ended";
    Err(Failure::new(FailureKind::LoginNeeded, message))
}

/// Opens the page, on a thread of its own: some programs return only when they are closed.
fn open_browser(asked: &Asked, terminal: Terminal) {
    let url = asked.url().to_string();
    std::thread::spawn(move || {
        let quietly = webbrowser::BrowserOptions::new().with_suppress_output(true).to_owned();
        if webbrowser::open_browser_with_options(webbrowser::Browser::Default, &url, &quietly).is_err() {
            terminal.tell("no browser could be opened on this machine: open the address yourself, or use --no-browser");
        }
    });
}
