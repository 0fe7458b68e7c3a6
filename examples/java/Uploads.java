import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.errors.BadRequestException;
import com.openai.models.files.FileObject;
import com.openai.models.files.FilePurpose;
import com.openai.models.uploads.Upload;
import com.openai.models.uploads.UploadCompleteParams;
import com.openai.models.uploads.UploadCreateParams;
import com.openai.models.uploads.parts.PartCreateParams;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;

/** A large file in small parts: for a gateway behind which one call cannot carry all of it, as on AWS (4 MiB there). */
final class Uploads {
    private static final int PART_BYTES = 64 * 1024; // on AWS: 4 * 1024 * 1024

    /** Validation, so that an answer without a field that the SDK knows as required is an error at once. */
    private static final OpenAIClient CLIENT = OpenAIOkHttpClient.builder().fromEnv().responseValidation(true).build();

    private Uploads() {}

    public static void main(String[] arguments) throws Exception {
        var lines = new StringBuilder();
        for (int number = 0; number < 1_000; number++) {
            var body = "{\"model\": \"text-embedding-3-small\", \"input\": \"" + "hello ".repeat(20) + "\"}";
            lines.append("{\"custom_id\": \"" + number + "\", \"method\": \"POST\", \"url\": \"/v1/embeddings\", ");
            lines.append("\"body\": " + body + "}\n");
        }
        var content = lines.toString().getBytes(StandardCharsets.UTF_8);

        // Parts may arrive in any order, and the last call says which comes first.
        var upload = begin("embeddings.jsonl", content.length);
        var parts = new String[(content.length + PART_BYTES - 1) / PART_BYTES];
        for (int at = parts.length - 1; at >= 0; at--) {
            var data = Arrays.copyOfRange(content, at * PART_BYTES, Math.min((at + 1) * PART_BYTES, content.length));
            var part = CLIENT.uploads().parts().create(upload.id(), part(data));
            Check.expect("upload of the part", part.uploadId(), upload.id());
            parts[at] = part.id();
        }
        System.out.println(content.length + " bytes in " + parts.length + " parts");
        var md5 = HexFormat.of().formatHex(MessageDigest.getInstance("MD5").digest(content));
        var order = UploadCompleteParams.builder().partIds(Arrays.asList(parts)).md5(md5).build();
        upload = CLIENT.uploads().complete(upload.id(), order);
        Check.expect("completed", upload.status(), Upload.Status.COMPLETED);
        var file = upload.file().orElseThrow();
        Check.expect("size", file.bytes(), (long) content.length);
        Check.expect("purpose", file.purpose(), FileObject.Purpose.BATCH);
        try (var response = CLIENT.files().content(file.id())) {
            Check.expect("content is as it was", Arrays.equals(response.body().readAllBytes(), content), true);
        }

        upload = CLIENT.uploads().cancel(begin("never.jsonl", 11).id());
        Check.expect("cancelled", upload.status(), Upload.Status.CANCELLED);
        try {
            CLIENT.uploads().parts().create(upload.id(), part("late".getBytes(StandardCharsets.UTF_8)));
            Check.expect("a late part", "taken", "refused");
        } catch (BadRequestException refused) {
            System.out.println(refused.getMessage());
        }
        System.out.println("ok");
        CLIENT.close();
    }

    private static Upload begin(String name, int bytes) {
        var upload = CLIENT.uploads().create(UploadCreateParams.builder()
                .filename(name)
                .bytes(bytes)
                .mimeType("application/jsonl")
                .purpose(FilePurpose.BATCH)
                .build());
        Check.expect("begun", upload.status(), Upload.Status.PENDING);
        return upload;
    }

    private static PartCreateParams part(byte[] data) {
        return PartCreateParams.builder().data(data).build();
    }
}
