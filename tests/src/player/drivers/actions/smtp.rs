//! The actions of an SMTP client: one text for both drivers. `wait!` awaits what the async one answers.

use serde_json::Value;
use xoauth::Error;
use xoauth::smtp::ClientName;
use xoauth::smtp::exchange::{Noop, Submit};

use super::Carrier;
use super::smtp_sessions::{Builder, Client, PlainClient, Session};
use crate::player::{Course, Failed, Failure, NO_SUCH_COMMAND, Plan, mechanism, message, text};

/// A connection at one of its stages.
enum Stage<T: Carrier> {
    Plain(PlainClient<T>),
    Client(Client<T>),
    Session(Session<T>),
    /// A call that consumed the connection failed.
    Gone,
}

pub(crate) async fn play(plan: &Plan<'_>) -> Course {
    let (builder, actions, done) = match builder(plan) {
        Ok(ready) => ready,
        Err(course) => return *course,
    };
    match plan.mode {
        "implicit" => begun(wait!(builder.connect()).map(Stage::Client), actions, done).await,
        "starttls" => {
            let client = wait!(builder.connect_starttls());
            begun(client.map(Stage::Client), actions, done).await
        }
        _ => {
            let plain = wait!(builder.connect_plain());
            let trusted = plan.allow_plaintext_auth;
            let stage = plain.map(|plain| match trusted {
                true => Stage::Client(plain.trust()),
                false => Stage::Plain(plain),
            });
            begun(stage, actions, done).await
        }
    }
}

pub(crate) async fn play_over<T: Carrier + 'static>(plan: &Plan<'_>, transport: T) -> Course {
    match builder(plan) {
        Ok((builder, actions, done)) => {
            let client = wait!(builder.from_stream(transport));
            begun(client.map(Stage::Client), actions, done).await
        }
        Err(course) => *course,
    }
}

/// The builder, the actions that are left once connected, and how many were done by then.
type Ready<'a> = (Builder, &'a [Value], usize);

fn builder<'a>(plan: &Plan<'a>) -> Result<Ready<'a>, Box<Course>> {
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
    let Some((first, rest)) = plan.actions.split_first() else { return Ok((builder, &[], 0)) };
    if text(first, "do") != Some("ehlo") {
        return Ok((builder, plan.actions, 0));
    }
    match text(first, "name").unwrap_or_default().parse::<ClientName>() {
        Ok(name) => Ok((builder.client_name(name), rest, 1)),
        Err(error) => {
            let error = Failed::Argument(Box::new(error));
            let failure = Some(Failure { error, action: Some(0) });
            Err(Box::new(Course { failure, ..Course::default() }))
        }
    }
}

async fn begun<T: Carrier + 'static>(
    stage: Result<Stage<T>, Error>,
    actions: &[Value],
    done: usize,
) -> Course {
    let mut course = Course::default();
    let mut stage = match stage {
        Ok(stage) => stage,
        Err(error) => {
            course.failure = Some(Failure { error: error.into(), action: None });
            return course;
        }
    };
    for (index, action) in actions.iter().enumerate() {
        if let Err(error) = act(&mut stage, action, &mut course.surfaced).await {
            course.failure = Some(Failure { error, action: Some(index + done) });
            break;
        }
    }
    // What calls itself unusable must not be of use.
    course.usable = match &mut stage {
        Stage::Plain(_) => true,
        Stage::Client(client) => client.is_usable() || wait!(client.run(Noop::new())).is_ok(),
        Stage::Session(session) => session.is_usable() || wait!(session.run(Noop::new())).is_ok(),
        Stage::Gone => false,
    };
    if course.failure.is_some() {
        course.held = Some(Box::new(stage));
    } else {
        course.farewell = Some(Box::pin(async move {
            // How the server takes leave changes nothing any more.
            let _ = match stage {
                Stage::Session(session) => wait!(session.quit()),
                Stage::Client(client) => wait!(client.without_authentication().quit()),
                Stage::Plain(plain) => wait!(plain.trust().without_authentication().quit()),
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
    if let (Stage::Client(client), "noop") = (&mut *stage, field("do")) {
        surfaced.push(format!("{:?}", wait!(client.run(Noop::new()))?));
        return Ok(());
    }
    // A server may take mail without a login; what carries no credentials may go in the clear.
    *stage = match std::mem::replace(stage, Stage::Gone) {
        Stage::Client(client) => Stage::Session(client.without_authentication()),
        Stage::Plain(plain) => Stage::Session(plain.trust().without_authentication()),
        other => other,
    };
    let Stage::Session(session) = stage else {
        return Err(Failed::RuledOut("the connection is gone"));
    };
    match field("do") {
        "noop" => surfaced.push(format!("{:?}", wait!(session.run(Noop::new()))?)),
        "send" => {
            let to = action.get("to").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let to: Vec<&str> = to.iter().filter_map(Value::as_str).collect();
            let sent = wait!(session.run(Submit::new(field("from"), to, message(action))))?;
            surfaced.push(format!("{sent:?}"));
        }
        _ => return Err(Failed::RuledOut(NO_SUCH_COMMAND)),
    }
    Ok(())
}
