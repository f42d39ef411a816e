// Loaded by node's --import in front of a program of a fleet, so that the program ends with its fleet without knowing it.
import { exitWithParent } from "@patchbay/process/exit-with-parent";

exitWithParent();
