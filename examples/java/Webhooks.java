import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.MultipartField;
import com.openai.core.http.Headers;
import com.openai.errors.InvalidWebhookSignatureException;
import com.openai.models.batches.Batch;
import com.openai.models.batches.BatchCreateParams;
import com.openai.models.files.FileCreateParams;
import com.openai.models.files.FilePurpose;
import com.openai.models.responses.ResponseCreateParams;
import com.openai.models.responses.ResponseStatus;
import com.openai.models.webhooks.UnwrapWebhookEvent;
import com.openai.models.webhooks.WebhookCreateParams;
import com.openai.models.webhooks.WebhookEndpointTestResult;
import com.openai.models.webhooks.WebhookRotateSecretParams;
import com.openai.models.webhooks.WebhookTestParams;
import com.openai.models.webhooks.WebhookUpdateParams;
import com.openai.models.webhooks.WebhookVerificationParams;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Webhooks: be told when a batch or a background response has ended, instead of asking. The code is OpenAI's own.
 *
 * <p>The receiver is an ordinary web server, here one on this machine: a gateway for tests may call it (allow_private).
 */
final class Webhooks {
    private static final OpenAIClient CLIENT = OpenAIOkHttpClient.fromEnv();
    private static final BlockingQueue<Told> TOLD = new LinkedBlockingQueue<>();

    private Webhooks() {}

    /** What came to the receiver. */
    private record Told(String body, Headers headers) {
        /** The event, if the signature holds. The same event may come twice: its id tells. */
        UnwrapWebhookEvent unwrap(String secret) {
            var call = WebhookVerificationParams.builder().payload(body).headers(headers).secret(secret);
            return CLIENT.webhooks().unwrap(call.build()).validate();
        }
    }

    public static void main(String[] arguments) throws Exception {
        var server = receiver();
        var url = "http://127.0.0.1:" + server.getAddress().getPort() + "/offpeak";

        var endpoint = CLIENT.webhooks().create(WebhookCreateParams.builder()
                .name("catalogue")
                .url(url)
                .addEventType(WebhookCreateParams.EventType.BATCH_COMPLETED)
                .addEventType(WebhookCreateParams.EventType.BATCH_FAILED)
                .addEventType(WebhookCreateParams.EventType.RESPONSE_COMPLETED)
                .build()).validate();
        var secret = endpoint.signingSecret(); // told once: keep it where your receiver reads it
        Check.expect("hint", endpoint.signingSecretHint().orElseThrow(), secret.substring(secret.length() - 4));
        var retrieved = CLIENT.webhooks().retrieve(endpoint.id());
        Check.expect("retrieved", List.of(retrieved.name(), retrieved.url()), List.of("catalogue", url));
        Check.expect("listed", list(), List.of(endpoint.id()));

        var tested = test(endpoint.id(), WebhookTestParams.EventType.BATCH_COMPLETED);
        Check.expect("test", tested.statusCode(), 204L);
        Check.expect("event of the test", next().unwrap(secret).isBatchCompleted(), true);

        var batch = createBatch();
        var event = next().unwrap(secret).batchCompleted().orElseThrow();
        Check.expect("event of the batch", event.data().id(), batch.id());
        Check.expect("status by then", CLIENT.batches().retrieve(batch.id()).status(), Batch.Status.COMPLETED);

        var asked = ResponseCreateParams.builder().model("gpt-4.1-mini").input("Why?").background(true);
        var response = CLIENT.responses().create(asked.build());
        var answered = next().unwrap(secret).responseCompleted().orElseThrow();
        Check.expect("event of the response", answered.data().id(), response.id());
        var status = CLIENT.responses().retrieve(response.id()).status();
        Check.expect("answer by then", status, Optional.of(ResponseStatus.COMPLETED));

        // A new secret, while receivers still have the old one: for a day each message is signed with both.
        var both = WebhookRotateSecretParams.builder().keepOldSecretActiveFor24Hours(true).build();
        var rotated = CLIENT.webhooks().rotateSecret(endpoint.id(), both).signingSecret();
        Check.expect("a new secret", rotated.equals(secret), false);
        for (var known : List.of(secret, rotated)) {
            test(endpoint.id(), WebhookTestParams.EventType.BATCH_FAILED);
            Check.expect("event in rotation", next().unwrap(known).isBatchFailed(), true);
        }

        // What somebody else sends is refused.
        test(endpoint.id(), WebhookTestParams.EventType.BATCH_FAILED);
        var told = next();
        try {
            new Told(told.body().replace("failed", "expired"), told.headers()).unwrap(secret);
            Check.expect("an altered event", "believed", "refused");
        } catch (InvalidWebhookSignatureException refused) {
            System.out.println("refused: " + refused.getMessage());
        }

        var failures = WebhookUpdateParams.builder().addEventType(WebhookUpdateParams.EventType.BATCH_FAILED).build();
        var updated = CLIENT.webhooks().update(endpoint.id(), failures);
        Check.expect("updated", updated.eventTypes(), List.of("batch.failed"));
        Check.expect("deleted", CLIENT.webhooks().delete(endpoint.id()).deleted(), true);
        Check.expect("left", list(), List.of());
        System.out.println("ok");
        server.stop(0);
        CLIENT.close();
    }

    /** Keeps what comes, and says that it has it: any 2xx does. */
    private static HttpServer receiver() throws Exception {
        var server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        server.createContext("/offpeak", exchange -> {
            var body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            TOLD.add(new Told(body, Headers.builder().putAll(exchange.getRequestHeaders()).build()));
            exchange.sendResponseHeaders(204, -1);
            exchange.close();
        });
        server.start();
        return server;
    }

    private static Told next() throws Exception {
        var told = TOLD.poll(60, TimeUnit.SECONDS);
        Check.expect("told within a minute", told != null, true);
        return told;
    }

    /** Has an endpoint sent an event that tells of nothing. */
    private static WebhookEndpointTestResult test(String id, WebhookTestParams.EventType type) {
        return CLIENT.webhooks().test(id, WebhookTestParams.builder().eventType(type).build()).validate();
    }

    /** The ids of all endpoints. */
    private static List<String> list() {
        return CLIENT.webhooks().list().autoPager().stream().map(each -> each.id()).toList();
    }

    /** A batch of one request. */
    private static Batch createBatch() {
        var line = """
                {"custom_id": "java 7", "method": "POST", "url": "/v1/chat/completions", "body":\
                {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Describe product 7."}]}}
                """;
        var bytes = new ByteArrayInputStream(line.getBytes(StandardCharsets.UTF_8));
        var content = MultipartField.<InputStream>builder().value(bytes).filename("products.jsonl").build();
        var file = CLIENT.files().create(FileCreateParams.builder().file(content).purpose(FilePurpose.BATCH).build());
        return CLIENT.batches().create(BatchCreateParams.builder()
                .inputFileId(file.id())
                .endpoint(BatchCreateParams.Endpoint.V1_CHAT_COMPLETIONS)
                .completionWindow(BatchCreateParams.CompletionWindow._24H)
                .build());
    }
}
