import com.fasterxml.jackson.databind.json.JsonMapper;
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.core.MultipartField;
import com.openai.core.ObjectMappers;
import com.openai.errors.NotFoundException;
import com.openai.errors.OpenAIServiceException;
import com.openai.models.batches.Batch.Status;
import com.openai.models.batches.BatchCreateParams;
import com.openai.models.batches.BatchListParams;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.files.FileCreateParams;
import com.openai.models.files.FileListParams;
import com.openai.models.files.FileObject;
import com.openai.models.files.FilePurpose;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** A batch: many requests in one file, of several models, whose results come as one file. The code is OpenAI's own. */
final class Batch {
    private static final int COUNT = 40;
    private static final List<String> MODELS = List.of("gpt-4.1-mini", "gpt-4.1-nano");

    /** Validation, so that an answer without a field that the SDK knows as required is an error at once. */
    private static final OpenAIClient CLIENT = OpenAIOkHttpClient.builder().fromEnv().responseValidation(true).build();

    private Batch() {}

    public static void main(String[] arguments) throws Exception {
        var lines = new StringBuilder();
        Map<String, String> wanted = new TreeMap<>();
        for (int number = 0; number < COUNT; number++) {
            lines.append(request(number));
            wanted.put("ware " + number, "echo: Describe product " + number + ".");
        }
        var file = CLIENT.files().retrieve(store("products of today.jsonl", lines.toString()).id());
        Check.expect("name", file.filename(), "products of today.jsonl");
        Check.expect("size", file.bytes(), (long) lines.length());
        Check.expect("processed", isProcessed(file), true);
        Check.expect("content", content(file.id()), lines.toString());

        // With an Idempotency-Key a repeat of this call, even by another process, finds the same batch.
        var batch = create(file, "products of");
        Check.expect("repeated batch", create(file, "products of").id(), batch.id());

        batch = ended(batch);
        Check.expect("status", batch.status(), Status.COMPLETED);
        var counts = batch.requestCounts().orElseThrow();
        Check.expect("counts", List.of(counts.total(), counts.completed(), counts.failed()), List.of(40L, 40L, 0L));
        var metadata = batch.metadata().orElseThrow()._allProperties();
        Check.expect("metadata", metadata, Map.of("team", JsonValue.from("catalogue")));
        Check.expect("error file", batch.errorFileId().isPresent(), false);
        Check.expect("tokens", batch.usage().orElseThrow().totalTokens() > 0, true);
        Check.expect("answers", answers(content(batch.outputFileId().orElseThrow())), wanted);

        // A batch whose input is wrong says so, line by line.
        var wrong = store("wrong.jsonl", "{\"custom_id\": \"a\"}\nnot json\n");
        var failed = ended(create(wrong, "wrong"));
        Check.expect("status", failed.status(), Status.FAILED);
        var errors = failed.errors().orElseThrow().data().orElseThrow().stream()
                .map(error -> error.line().orElseThrow() + " " + error.code().orElseThrow())
                .toList();
        Check.expect("errors", errors, List.of("1 missing_required_parameter", "2 invalid_json_line"));

        // Lists go on by themselves from page to page.
        var pages = CLIENT.batches().list(BatchListParams.builder().limit(1).build());
        var batches = pages.autoPager().stream().map(each -> each.id()).toList();
        Check.expect("listed batches", batches.containsAll(List.of(batch.id(), failed.id())), true);
        var oldest = FileListParams.builder().limit(1).order(FileListParams.Order.ASC).purpose("batch").build();
        var files = CLIENT.files().list(oldest).autoPager().stream().map(each -> each.id()).toList();
        var at = files.indexOf(file.id());
        Check.expect("listed files", 0 <= at && at < files.indexOf(wrong.id()), true);

        // What has ended cannot be cancelled; what is cancelled before it has ended ends so, here unless it was faster.
        Check.expect("cancelling what has ended", cancel(batch).isPresent(), false);
        var cancelled = cancel(create(store("mistaken.jsonl", request(COUNT)), "mistaken"));
        if (cancelled.isPresent()) {
            Check.expect("end of a cancelled batch", ended(cancelled.get()).status(), Status.CANCELLED);
        }

        Check.expect("deleted", CLIENT.files().delete(wrong.id()).deleted(), true);
        try {
            CLIENT.files().retrieve(wrong.id());
            Check.expect("a deleted file", "there", "not found");
        } catch (NotFoundException refused) {
            System.out.println(refused.getMessage());
        }
        System.out.println("ok");
        CLIENT.close();
    }

    /** One line. OpenAI takes one model in a file; here each line may name its own. */
    private static String request(int number) throws Exception {
        var question = Map.of("role", "user", "content", "Describe product " + number + ".");
        var body = Map.of("model", MODELS.get(number % 2), "messages", List.of(question));
        var id = "ware " + number;
        var line = Map.of("custom_id", id, "method", "POST", "url", "/v1/chat/completions", "body", body);
        return new JsonMapper().writeValueAsString(line) + "\n";
    }

    private static FileObject store(String name, String content) {
        var bytes = new ByteArrayInputStream(content.getBytes(StandardCharsets.UTF_8));
        var file = MultipartField.<InputStream>builder().value(bytes).filename(name).build();
        return CLIENT.files().create(FileCreateParams.builder().file(file).purpose(FilePurpose.BATCH).build());
    }

    /** OpenAI calls the field deprecated, and yet every file has it. */
    @SuppressWarnings("deprecation")
    private static boolean isProcessed(FileObject file) {
        return file.status().equals(FileObject.Status.PROCESSED);
    }

    private static com.openai.models.batches.Batch create(FileObject file, String key) {
        return CLIENT.batches().create(BatchCreateParams.builder()
                .inputFileId(file.id())
                .endpoint(BatchCreateParams.Endpoint.V1_CHAT_COMPLETIONS)
                .completionWindow(BatchCreateParams.CompletionWindow._24H)
                .metadata(BatchCreateParams.Metadata.builder().putProperty("team", "catalogue").build())
                .putAdditionalHeader("Idempotency-Key", key + " " + file.id())
                .build());
    }

    /** Nothing if it has ended. */
    private static Optional<com.openai.models.batches.Batch> cancel(com.openai.models.batches.Batch batch) {
        try {
            return Optional.of(CLIENT.batches().cancel(batch.id()));
        } catch (OpenAIServiceException refused) {
            System.out.println(refused.getMessage());
            Check.expect("refusal", refused.statusCode(), 409);
            return Optional.empty();
        }
    }

    /** Asks for a batch until it has ended. */
    private static com.openai.models.batches.Batch ended(com.openai.models.batches.Batch batch) throws Exception {
        var going = List.of(Status.VALIDATING, Status.IN_PROGRESS, Status.FINALIZING, Status.CANCELLING);
        while (going.contains(batch.status())) {
            Thread.sleep(500); // with a real provider: a minute
            batch = CLIENT.batches().retrieve(batch.id());
            var counts = batch.requestCounts().orElseThrow();
            System.out.println(batch.status() + " " + counts.completed() + " of " + counts.total());
        }
        return batch;
    }

    private static String content(String id) throws Exception {
        try (var response = CLIENT.files().content(id)) {
            return new String(response.body().readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /** What the model said to each line. */
    private static Map<String, String> answers(String output) throws Exception {
        var mapper = ObjectMappers.jsonMapper();
        Map<String, String> answers = new TreeMap<>();
        for (var line : output.lines().toList()) {
            var result = mapper.readTree(line);
            var response = result.get("response");
            Check.expect("status of a line", response.get("status_code").asInt(), 200);
            Check.expect("error of a line", result.get("error").isNull(), true);
            var answer = mapper.treeToValue(response.get("body"), ChatCompletion.class).validate();
            answers.put(result.get("custom_id").asText(), answer.choices().get(0).message().content().orElseThrow());
        }
        return answers;
    }
}
