import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.errors.NotFoundException;
import com.openai.models.responses.Response;
import com.openai.models.responses.ResponseCreateParams;
import com.openai.models.responses.ResponseRetrieveParams;
import com.openai.models.responses.ResponseStatus;
import com.openai.models.responses.ResponseStreamEvent;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** A background response: create it, go away, retrieve it later; follow it as a stream; cancel it; delete it. */
final class Background {
    private static final OpenAIClient CLIENT = OpenAIOkHttpClient.builder().fromEnv().maxRetries(1000).build();

    private Background() {}

    public static void main(String[] arguments) throws Exception {
        // The id is all that you need to keep. A service tier of flex in place of background does the same.
        var question = "What is the tallest mountain of Norway?";
        var invoice = ResponseCreateParams.Metadata.builder().putProperty("invoice", "4711");
        // Validated: an answer without a field that the SDK knows as required would be an error only when it is read.
        var queued = CLIENT.responses().create(background(question).metadata(invoice.build()).build()).validate();
        Check.expect("status", queued.status(), Optional.of(ResponseStatus.QUEUED));
        var metadata = queued.metadata().orElseThrow()._allProperties();
        Check.expect("metadata", metadata, Map.of("invoice", JsonValue.from("4711")));
        var response = ended(queued);
        Check.expect("id", response.id(), queued.id());
        Check.expect("status", response.status(), Optional.of(ResponseStatus.COMPLETED));
        Check.expect("output", text(response), "echo: " + question);
        Check.expect("background", response.background(), Optional.of(true));
        Check.expect("tier", response.serviceTier(), Optional.of(Response.ServiceTier.FLEX));

        // A conversation goes on from it by its id.
        var next = background("And of Sweden?").previousResponseId(response.id());
        var following = CLIENT.responses().create(next.build());

        var streamed = follow("Tell me a very short story.");

        // Cancelled at once while it waits; once it is in a batch, when that ends, unless its answer is faster.
        var end = ended(CLIENT.responses().cancel(following.id())).status().orElseThrow();
        var ends = List.of(ResponseStatus.CANCELLED, ResponseStatus.COMPLETED);
        Check.expect("end of a cancelled response: " + end, ends.contains(end), true);

        // Deleted, it is not found any more.
        CLIENT.responses().delete(streamed);
        try {
            CLIENT.responses().retrieve(streamed);
            Check.expect("a deleted response", "there", "not found");
        } catch (NotFoundException refused) {
            System.out.println(refused.getMessage());
        }
        System.out.println("ok");
        CLIENT.close();
    }

    /** A question, which is answered at once with a queued response, whatever the batch takes. */
    private static ResponseCreateParams.Builder background(String question) {
        return ResponseCreateParams.builder().model("gpt-4.1-mini").input(question).background(true);
    }

    /** Asks for a response until it has ended. */
    private static Response ended(Response response) throws Exception {
        var going = List.of(ResponseStatus.QUEUED, ResponseStatus.IN_PROGRESS);
        while (going.contains(response.status().orElseThrow())) {
            Thread.sleep(1000);
            response = CLIENT.responses().retrieve(response.id());
            System.out.println(response.id() + " " + response.status().orElseThrow());
        }
        return response;
    }

    /** What the model said. */
    private static String text(Response response) {
        return response.output().stream()
                .flatMap(item -> item.message().stream())
                .flatMap(message -> message.content().stream())
                .flatMap(content -> content.outputText().stream())
                .map(output -> output.text())
                .collect(Collectors.joining());
    }

    /** As a stream: the first events say the id, so that whoever loses the connection goes on from there. */
    private static String follow(String question) {
        String id;
        long cursor;
        try (var stream = CLIENT.responses().createStreaming(background(question).build())) {
            var queued = stream.stream().flatMap(event -> event.queued().stream()).findFirst().orElseThrow();
            id = queued.response().id();
            cursor = queued.sequenceNumber(); // and then as if the connection had been cut here
        }
        var after = ResponseRetrieveParams.builder().startingAfter(cursor).build();
        List<ResponseStreamEvent> events;
        try (var stream = CLIENT.responses().retrieveStreaming(id, after)) {
            events = stream.stream().toList();
        }
        var first = events.get(0).inProgress().orElseThrow();
        Check.expect("first event after the cursor", first.sequenceNumber(), cursor + 1);
        var story = events.stream().flatMap(event -> event.outputTextDelta().stream()).map(delta -> delta.delta());
        Check.expect("story", story.collect(Collectors.joining()), "echo: " + question);
        var last = events.get(events.size() - 1).completed().orElseThrow();
        Check.expect("last event", last.sequenceNumber(), cursor + events.size());
        Check.expect("id of the story", last.response().id(), id);
        return id;
    }
}
