import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Map;
import java.util.TreeMap;

public class Main {
    public static void main(String[] arguments) throws Exception {
        String token = System.getenv("ENOS_TOKEN"), secret = System.getenv("ENOS_APP_SECRET");
        var query = new TreeMap<>(Map.of({{query}}));
        String body = {{body}};
        String timestamp = String.valueOf(System.currentTimeMillis());
        var signed = new StringBuilder(token);
        var url = new StringBuilder(System.getenv("ENOS_BASE_URL") + "{{path}}");
        char separator = '?';
        for (var parameter : query.entrySet()) {
            signed.append(parameter.getKey()).append(parameter.getValue());
            url.append(separator).append(parameter.getKey()).append('=')
                .append(URLEncoder.encode(parameter.getValue(), StandardCharsets.UTF_8));
            separator = '&';
        }
        signed.append(body).append(timestamp).append(secret);
        byte[] hash = MessageDigest.getInstance("SHA-256").digest(signed.toString().getBytes(StandardCharsets.UTF_8));
        var signature = new StringBuilder();
        for (byte part : hash) signature.append(String.format("%02x", part));

        var request = HttpRequest.newBuilder(URI.create(url.toString()))
            .header("apim-accesstoken", token)
            .header("apim-timestamp", timestamp)
            .header("apim-signature", signature.toString())
            .header("Content-Type", "application/json;charset=UTF-8")
            .method("{{method}}", HttpRequest.BodyPublishers.ofString(body))
            .build();
        var response = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        // The call has succeeded if `code` is 0.
        System.out.println(response.body());
    }
}
