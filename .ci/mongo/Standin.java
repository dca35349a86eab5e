import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.ServerVersion;
import java.net.InetAddress;
import java.net.InetSocketAddress;

/**
 * Stands in for a MongoDB server in tests, on 127.0.0.1, with everything in memory.
 *
 * <pre>java -cp 'lib/*' Standin.java PORT [old]</pre>
 *
 * PORT 0 takes a free one, and so does none. With "old" it says it is a version that is not supported. "listening: PORT" on standard output says that it serves. It ends when
 * its standard input does, so that it never outlives the test that started it.
 */
public class Standin {
    public static void main(String[] args) throws Exception {
        // One thread does and answers one command after the other. With more, an answer shows what
        // later commands did to the document: two callers were given the same counter.
        System.setProperty("io.netty.eventLoopThreads", "1");
        int port = args.length > 0 ? Integer.parseInt(args[0]) : 0;
        MemoryBackend backend = new MemoryBackend();
        if (args.length > 1 && args[1].equals("old")) {
            backend.version(ServerVersion.MONGO_4_0);
        }
        MongoServer server = new MongoServer(backend);
        server.bind(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port));
        System.out.println("listening: " + server.getLocalAddress().getPort());
        System.out.flush();
        while (System.in.read() != -1) {
            // only the end matters
        }
        Runtime.getRuntime().halt(0); // nothing is worth an orderly stop
    }
}
