//! A background response: create it, go away, retrieve it later; follow it as a stream; cancel it; delete it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::middleware::{ReqwestService, retry::OpenAIRetryLayer};
use async_openai::traits::RequestOptionsBuilder;
use async_openai::types::responses::{
    CreateResponseArgs, GetResponseQueryArgs, Response, ResponseStreamEvent, ServiceTierResponses, Status,
};
use futures::StreamExt;
use offpeak_examples::{expect, refused};
use tokio::time::sleep;
use tower::ServiceBuilder;

/// A question, which is answered at once with a queued response, whatever the batch takes.
fn background(question: &str) -> CreateResponseArgs {
    let mut asked = CreateResponseArgs::default();
    asked.model("gpt-4.1-mini").input(question).background(true);
    asked
}

/// Asks for a response until it has ended.
async fn ended(client: &Client<OpenAIConfig>, mut response: Response) -> Result<Response> {
    while matches!(response.status, Status::Queued | Status::InProgress) {
        sleep(Duration::from_secs(1)).await;
        response = client.responses().retrieve(&response.id).await?;
        println!("{} {:?}", response.id, response.status);
    }
    Ok(response)
}

#[tokio::main]
async fn main() -> Result<()> {
    // Where no connection can be kept open, a stream is 503 until the answer is there: the three retries by default are few.
    let patient = ServiceBuilder::new().layer(OpenAIRetryLayer::new(1000)).service(ReqwestService::default());
    let client = Client::new().with_http_service(patient);

    // The id is all that you need to keep. A service tier of flex in place of background does the same.
    let question = "What is the tallest mountain of Norway?";
    let invoice = [("invoice".to_owned(), "4711".to_owned())];
    let asked = background(question).metadata(invoice.clone()).build()?;
    let queued = client.responses().create(asked).await?;
    expect("queued", (queued.status, queued.metadata), (Status::Queued, Some(invoice.into())))?;
    let id = queued.id;
    let response = ended(&client, client.responses().retrieve(&id).await?).await?;
    expect("response", (&response.id, &response.status), (&id, &Status::Completed))?;
    expect("output", response.output_text(), Some(format!("echo: {question}")))?;
    let run = (response.background, response.service_tier);
    expect("background", run, (Some(true), Some(ServiceTierResponses::Flex)))?;

    // A conversation goes on from it by its id.
    let following = background("And of Sweden?").previous_response_id(id).build()?;
    let following = client.responses().create(following).await?;

    let streamed = follow(&client, "Tell me a very short story.").await?;

    // Cancelled at once while it waits; once it is in a batch, when that ends, unless its answer is faster.
    let cancelled = client.responses().cancel(&following.id).await?;
    let end = ended(&client, cancelled).await?.status;
    expect("end of a cancelled response", matches!(end, Status::Cancelled | Status::Completed), true)?;

    // Deleted, it is not found any more.
    expect("deleted", client.responses().delete(&streamed).await?.deleted, true)?;
    expect("a deleted response", refused(client.responses().retrieve(&streamed).await)?, 404)?;
    println!("ok");
    Ok(())
}

/// As a stream: the first events say the id, so that whoever loses the connection goes on after the event that came last.
async fn follow(client: &Client<OpenAIConfig>, question: &str) -> Result<String> {
    let mut events = client.responses().create_stream(background(question).stream(true).build()?).await?;
    let queued = loop {
        if let ResponseStreamEvent::ResponseQueued(queued) =
            events.next().await.context("an event that says queued")??
        {
            break queued;
        }
    };
    drop(events); // as if the connection had been cut here

    let after = GetResponseQueryArgs::default().starting_after(u32::try_from(queued.sequence_number)?).build()?;
    let mut events = client.responses().query(&after)?.retrieve_stream(&queued.response.id).await?;
    let mut story = String::new();
    let mut last = None;
    while let Some(event) = events.next().await {
        let event = event?;
        if let ResponseStreamEvent::ResponseOutputTextDelta(piece) = &event {
            story += &piece.delta;
        }
        last = Some(event);
    }
    let Some(ResponseStreamEvent::ResponseCompleted(completed)) = last else {
        bail!("last event: expected response.completed, got {last:?}");
    };
    expect("id of the story", &completed.response.id, &queued.response.id)?;
    expect("story", story, format!("echo: {question}"))?;
    Ok(queued.response.id)
}
