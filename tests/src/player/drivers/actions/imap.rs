//! The actions of an IMAP client: one text for both drivers. `wait!` awaits what the async one answers.

use std::fmt::Write;

use serde_json::Value;
use xoauth::Error;
use xoauth::imap::command::{Append, Copy, Fetch, Items, List, Logout, Noop, Search, Select};
use xoauth::imap::{Mailbox, Query};

use super::Carrier;
use super::imap_sessions::{Builder, Client, PlainClient, Session};
use crate::player::{Course, Failed, Failure, NO_SUCH_COMMAND, Plan, mechanism, message, text};

/// A connection at one of its stages.
enum Stage<T: Carrier> {
    Plain(PlainClient<T>),
    /// In the clear, by actions without credentials; it takes none.
    Bare(Client<T>),
    Client(Client<T>),
    Session(Session<T>),
    /// A call that consumed the connection failed.
    Gone,
}

pub(crate) async fn play(plan: &Plan<'_>) -> Course {
    let builder = builder(plan);
    match plan.mode {
        "implicit" => begun(wait!(builder.connect()).map(Stage::Client), plan).await,
        "starttls" => begun(wait!(builder.connect_starttls()).map(Stage::Client), plan).await,
        _ => {
            let plain = wait!(builder.connect_plain());
            let trusted = plan.allow_plaintext_auth;
            let stage = plain.map(|plain| match trusted {
                true => Stage::Client(plain.trust()),
                false => Stage::Plain(plain),
            });
            begun(stage, plan).await
        }
    }
}

pub(crate) async fn play_over<T: Carrier + 'static>(plan: &Plan<'_>, transport: T) -> Course {
    begun(wait!(builder(plan).from_stream(transport)).map(Stage::Client), plan).await
}

fn builder(plan: &Plan<'_>) -> Builder {
    let mut builder = Builder::new(plan.host).port(plan.port).deadlines(plan.deadlines);
    if let Some(name) = plan.server_name {
        builder = builder.server_name(name);
    }
    if let Some(tls) = &plan.tls {
        builder = builder.tls(tls);
    }
    if let Some(trace) = &plan.trace {
        builder = builder.trace(trace.clone());
    }
    builder
}

async fn begun<T: Carrier + 'static>(stage: Result<Stage<T>, Error>, plan: &Plan<'_>) -> Course {
    let mut course = Course::default();
    let mut stage = match stage {
        Ok(stage) => stage,
        Err(error) => {
            course.failure = Some(Failure { error: error.into(), action: None });
            return course;
        }
    };
    for (index, action) in plan.actions.iter().enumerate() {
        if let Err(error) = act(&mut stage, action, &mut course.surfaced).await {
            course.failure = Some(Failure { error, action: Some(index) });
            break;
        }
    }
    if let Stage::Session(session) = &mut stage {
        while let Some(event) = session.next_event() {
            course.surfaced.push(format!("{event:?}"));
        }
        course.surfaced.push(format!("{:?}", session.state()));
    }
    // What calls itself unusable must not be of use.
    course.usable = match &mut stage {
        Stage::Plain(_) => true,
        Stage::Bare(client) | Stage::Client(client) => {
            client.is_usable() || wait!(client.run(Noop::new())).is_ok()
        }
        Stage::Session(session) => session.is_usable() || wait!(session.run(Noop::new())).is_ok(),
        Stage::Gone => false,
    };
    if course.failure.is_some() {
        course.held = Some(Box::new(stage));
    } else {
        course.farewell = Some(Box::pin(async move {
            // How the server takes leave changes nothing any more.
            let _ = match stage {
                Stage::Session(session) => wait!(session.logout()),
                Stage::Bare(mut client) | Stage::Client(mut client) => {
                    wait!(client.run(Logout::new()))
                }
                Stage::Plain(plain) => wait!(plain.trust().run(Logout::new())),
                Stage::Gone => Ok(()),
            };
        }));
    }
    course
}

async fn act<T: Carrier>(
    stage: &mut Stage<T>,
    action: &Value,
    surfaced: &mut Vec<String>,
) -> Result<(), Failed> {
    let field = |name| text(action, name).unwrap_or_default();
    if field("do") == "auth" {
        let login = mechanism(action)?;
        return match std::mem::replace(stage, Stage::Gone) {
            Stage::Client(client) => match wait!(client.authenticate(login)) {
                Ok(session) => {
                    *stage = Stage::Session(session);
                    Ok(())
                }
                Err(refused) => {
                    let (error, client) = refused.into_parts();
                    *stage = client.map_or(Stage::Gone, Stage::Client);
                    Err(error.into())
                }
            },
            other => {
                *stage = other;
                Err(Failed::RuledOut("this connection takes no credentials"))
            }
        };
    }
    // A server that greeted with PREAUTH needs no login; what carries no credentials may go in the clear.
    *stage = match std::mem::replace(stage, Stage::Gone) {
        Stage::Client(client) => match client.preauthenticated() {
            Ok(session) => Stage::Session(session),
            Err(client) => Stage::Client(*client),
        },
        Stage::Plain(plain) => match plain.trust().preauthenticated() {
            Ok(session) => Stage::Session(session),
            Err(client) => Stage::Bare(*client),
        },
        other => other,
    };
    if let (Stage::Bare(client) | Stage::Client(client), "noop") = (&mut *stage, field("do")) {
        return Ok(wait!(client.run(Noop::new()))?);
    }
    let Stage::Session(session) = stage else {
        return Err(Failed::RuledOut("not authenticated"));
    };
    match field("do") {
        "select" => {
            surfaced.push(format!("{:?}", wait!(session.run(Select::new(field("mailbox"))))?))
        }
        "noop" => wait!(session.run(Noop::new()))?,
        "list" => surfaced.push(format!("{:?}", wait!(session.run(List::all()))?)),
        "select_first_listed" => {
            let listed = wait!(session.run(List::all()))?;
            surfaced.push(format!("{listed:?}"));
            let first: Option<Mailbox> = listed.first().map(|entry| entry.mailbox().clone());
            let first = first.ok_or(Failed::RuledOut("nothing was listed"))?;
            surfaced.push(format!("{:?}", wait!(session.run(Select::new(first)))?));
        }
        "fetch" => {
            let items: Items =
                field("items").parse().map_err(|error| Failed::Argument(Box::new(error)))?;
            let fetched = wait!(session.run(Fetch::by_sequence(field("set"), items)))?;
            surfaced.extend(fetched.iter().map(|message| format!("{message:?}")));
        }
        "search" => {
            let query: Query =
                field("key").parse().map_err(|error| Failed::Argument(Box::new(error)))?;
            let found = wait!(session.run(Search::sequence_numbers(query)))?;
            // Room at once: a text that grows is there twice, and the heap is judged.
            let mut text = String::with_capacity(found.len().saturating_mul(20));
            let _ = write!(text, "{found:?}");
            surfaced.push(text);
        }
        "copy" => {
            let copy = Copy::by_sequence(field("set"), field("mailbox"));
            surfaced.push(format!("{:?}", wait!(session.run(copy))?));
        }
        "append" => {
            let append = Append::new(field("mailbox"), message(action));
            surfaced.push(format!("{:?}", wait!(session.run(append))?));
        }
        _ => return Err(Failed::RuledOut(NO_SUCH_COMMAND)),
    }
    Ok(())
}
