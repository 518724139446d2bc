//! The actions of an IMAP client.

use serde_json::Value;
use xoauth::imap::command::{Append, Copy, Fetch, Items, List, Logout, Noop, Search, Select};
use xoauth::imap::{Builder, Client, Mailbox, PlainClient, Query, Session};
use xoauth::{Error, Transport};

use super::{Course, Failed, Failure, Plan, mechanism, message, text};

/// A connection at one of its stages.
enum Stage<T: Transport> {
    Plain(PlainClient<T>),
    Client(Client<T>),
    Session(Session<T>),
    /// A call that consumed the connection failed.
    Gone,
}

pub(crate) fn play(plan: &Plan<'_>) -> Course {
    let builder = builder(plan);
    match plan.mode {
        "implicit" => begun(builder.connect().map(Stage::Client), plan),
        "starttls" => begun(builder.connect_starttls().map(Stage::Client), plan),
        _ if plan.allow_plaintext_auth => {
            begun(builder.connect_plain().map(|plain| Stage::Client(plain.trust())), plan)
        }
        _ => begun(builder.connect_plain().map(Stage::Plain), plan),
    }
}

pub(crate) fn play_over<T: Transport + 'static>(plan: &Plan<'_>, transport: T) -> Course {
    begun(builder(plan).from_stream(transport).map(Stage::Client), plan)
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

fn begun<T: Transport + 'static>(stage: Result<Stage<T>, Error>, plan: &Plan<'_>) -> Course {
    let mut course = Course::default();
    let mut stage = match stage {
        Ok(stage) => stage,
        Err(error) => {
            course.failure = Some(Failure { error: error.into(), action: None });
            return course;
        }
    };
    for (index, action) in plan.actions.iter().enumerate() {
        if let Err(error) = act(&mut stage, action, &mut course.surfaced) {
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
    course.usable = match &stage {
        Stage::Plain(_) => true,
        Stage::Client(client) => client.is_usable(),
        Stage::Session(session) => session.is_usable(),
        Stage::Gone => false,
    };
    if course.failure.is_some() {
        course.held = Some(Box::new(stage));
    } else {
        course.farewell = Some(Box::new(move || {
            // How the server takes leave changes nothing any more.
            let _ = match stage {
                Stage::Session(session) => session.logout(),
                Stage::Client(mut client) => client.run(Logout::new()),
                Stage::Plain(_) | Stage::Gone => Ok(()),
            };
        }));
    }
    course
}

fn act<T: Transport>(
    stage: &mut Stage<T>,
    action: &Value,
    surfaced: &mut Vec<String>,
) -> Result<(), Failed> {
    let field = |name| text(action, name).unwrap_or_default();
    if field("do") == "auth" {
        let login = mechanism(action)?;
        return match std::mem::replace(stage, Stage::Gone) {
            Stage::Client(client) => match client.authenticate(login) {
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
    // A server that greeted with PREAUTH needs no login.
    if let Stage::Client(client) = std::mem::replace(stage, Stage::Gone) {
        *stage = match client.preauthenticated() {
            Ok(session) => Stage::Session(session),
            Err(client) => Stage::Client(*client),
        };
    }
    if let (Stage::Client(client), "noop") = (&mut *stage, field("do")) {
        return Ok(client.run(Noop::new())?);
    }
    let Stage::Session(session) = stage else {
        return Err(Failed::RuledOut("not authenticated"));
    };
    match field("do") {
        "select" => surfaced.push(format!("{:?}", session.run(Select::new(field("mailbox")))?)),
        "noop" => session.run(Noop::new())?,
        "list" => surfaced.push(format!("{:?}", session.run(List::all())?)),
        "select_first_listed" => {
            let listed = session.run(List::all())?;
            surfaced.push(format!("{listed:?}"));
            let first: Option<Mailbox> = listed.first().map(|entry| entry.mailbox().clone());
            let first = first.ok_or(Failed::RuledOut("nothing was listed"))?;
            surfaced.push(format!("{:?}", session.run(Select::new(first))?));
        }
        "fetch" => {
            let items: Items =
                field("items").parse().map_err(|error| Failed::Argument(Box::new(error)))?;
            let fetched = session.run(Fetch::by_sequence(field("set"), items))?;
            surfaced.extend(fetched.iter().map(|message| format!("{message:?}")));
        }
        "search" => {
            let query: Query =
                field("key").parse().map_err(|error| Failed::Argument(Box::new(error)))?;
            let found = session.run(Search::sequence_numbers(query))?;
            surfaced.push(format!("{found:?}"));
        }
        "copy" => {
            let copy = Copy::by_sequence(field("set"), field("mailbox"));
            surfaced.push(format!("{:?}", session.run(copy)?));
        }
        "append" => {
            let append = Append::new(field("mailbox"), message(action));
            surfaced.push(format!("{:?}", session.run(append)?));
        }
        _ => return Err(Failed::RuledOut("the client has no such command yet")),
    }
    Ok(())
}
