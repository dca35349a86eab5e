import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.net.InetAddress;
import java.net.InetSocketAddress;

/**
 * Stands in for a MongoDB server in tests, on 127.0.0.1, with everything in memory.
 *
 * <pre>java -cp 'lib/*' Standin.java PORT</pre>
 *
 * PORT 0 takes a free one, and so does none. "listening: PORT" on standard output says that it serves. It ends when
 * its standard input does, so that it never outlives the test that started it.
 */
public class Standin {
    public static void main(String[] args) throws Exception {
        // One thread does and answers one command after the other. With more, an answer shows what
        // later commands did to the document: two callers were given the same counter.
        System.setProperty("io.netty.eventLoopThreads", "1");
        int port = args.length > 0 ? Integer.parseInt(args[0]) : 0;
        MongoServer server = new MongoServer(new MemoryBackend());
        server.bind(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port));
        System.out.println("listening: " + server.getLocalAddress().getPort());
        System.out.flush();
        while (System.in.read() != -1) {
            // only the end matters
        }
        Runtime.getRuntime().halt(0); // nothing is worth an orderly stop
    }
}
