import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.security.Security;
import java.util.ArrayList;
import java.util.Hashtable;
import java.util.List;
import javax.naming.Context;
import javax.naming.NamingException;
import javax.naming.directory.Attribute;
import javax.naming.directory.DirContext;
import javax.naming.directory.InitialDirContext;

/**
 * Resolves what stands on standard input, "KIND NAME" a line: with the argument "inet" by InetAddress, with "jndi" by the DNS provider of
 * JNDI. Prints a line for each: KIND, NAME and the words that came of it, parted by tabs.
 */
public final class Lookup {
    private static List<String> byInetAddress(String kind, String name) {
        List<String> words = new ArrayList<>();
        try {
            if (kind.equals("ptr")) {
                words.add(InetAddress.getByName(name).getCanonicalHostName());
            } else {
                for (InetAddress address : InetAddress.getAllByName(name)) {
                    words.add(address.getHostAddress());
                }
            }
        } catch (UnknownHostException error) {
            words.add(error.getMessage());
        }
        return words;
    }

    private static void add(List<String> words, DirContext context, String name, String type) {
        try {
            Attribute values = context.getAttributes(name, new String[] {type}).get(type);
            for (int i = 0; values != null && i < values.size(); ++i) {
                words.add(type + ":" + values.get(i).toString().replace(' ', ','));
            }
        } catch (NamingException error) {
            words.add(type + ":" + error.getClass().getSimpleName());
        }
    }

    private static String reverse(String address) {
        String[] parts = address.split("\\.");
        return parts[3] + "." + parts[2] + "." + parts[1] + "." + parts[0] + ".in-addr.arpa";
    }

    private static List<String> byJndi(DirContext context, String kind, String name) {
        List<String> words = new ArrayList<>();
        switch (kind) {
            case "srv" -> add(words, context, name, "SRV");
            case "ptr" -> add(words, context, reverse(name), "PTR");
            default -> {
                add(words, context, name, "A");
                add(words, context, name, "AAAA");
            }
        }
        return words;
    }

    public static void main(String[] arguments) throws Exception {
        // Each name is asked for once, and its answer is to be the resolver's.
        Security.setProperty("networkaddress.cache.ttl", "0");
        Security.setProperty("networkaddress.cache.negative.ttl", "0");
        boolean jndi = arguments[0].equals("jndi");
        Hashtable<String, String> environment = new Hashtable<>();
        environment.put(Context.INITIAL_CONTEXT_FACTORY, "com.sun.jndi.dns.DnsContextFactory");
        environment.put(Context.PROVIDER_URL, "dns:");
        DirContext context = jndi ? new InitialDirContext(environment) : null;
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] asked = line.split(" ");
            List<String> words = jndi ? byJndi(context, asked[0], asked[1]) : byInetAddress(asked[0], asked[1]);
            System.out.println(asked[0] + "\t" + asked[1] + "\t" + String.join("\t", words));
        }
    }
}
