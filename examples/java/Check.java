import java.util.Objects;

/** Ends an example with a message when an answer is wrong; yours needs none of this. */
final class Check {
    private Check() {}

    /** Compares with what the simulated model must say. OFFPEAK_CHECK=0 turns it off, for a real model. */
    static void expect(String what, Object got, Object wanted) {
        if (Objects.equals(got, wanted) || "0".equals(System.getenv("OFFPEAK_CHECK"))) {
            return;
        }
        System.err.println(what + ": expected " + wanted + ", got " + got);
        System.exit(1);
    }
}
