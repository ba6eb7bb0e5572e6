import java.net.URI;

/** Fetches a page with what Java itself trusts. */
public class Get {
    public static void main(String[] args) throws Exception {
        try (var in = URI.create(args[0]).toURL().openStream()) {
            in.readAllBytes();
        }
    }
}
