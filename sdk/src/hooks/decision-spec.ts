import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import type { AnswerSource } from "../model/answer-check.ts";

/** What the SDK knows of one hook that decides: the contract's messages on one side, what authors write on the other. */
export interface DecisionSpec<Question, Answer, Given> {
  /** A whole question from what a test cares about. */
  fill(given: Given | undefined): Question;
  /** Brings what the author's function returned into its normal form. Throws a PluginMistake. */
  check(value: unknown, source: AnswerSource, question: Question): Answer;
  /** A question and its answer in one line, without the hook's name. */
  describe(question: Question, answer: Answer): string;
  /** Serves the hook's method; `decide` gets each question. */
  serve(router: ConnectRouter, decide: Decide<Question, Answer>): void;
}

/** Answers one question. What is read is the caller's, so it is read once the caller has proven itself. */
export type Decide<Question, Answer> = (read: () => Question, context: HandlerContext) => Promise<Answer>;

/** A hook as its own file writes it down. */
export interface DecisionParts<Input extends DescMessage, Output extends DescMessage, Question, Answer, Given>
  extends Omit<DecisionSpec<Question, Answer, Given>, "serve"> {
  /** A row of the table of hook kinds. */
  readonly kind: { readonly method: DescMethodUnary<Input, Output> };
  /** The question as authors see it. */
  read(message: MessageShape<Input>): Question;
  /** The answer as the contract's message. */
  write(answer: Answer): MessageInitShape<Output>;
}

/** Puts a hook's parts together. */
export function decisionSpec<Input extends DescMessage, Output extends DescMessage, Question, Answer, Given>(
  parts: DecisionParts<Input, Output, Question, Answer, Given>,
): DecisionSpec<Question, Answer, Given> {
  const { kind, read, write, check, describe, fill } = parts;
  return {
    fill,
    check,
    describe,
    serve(router, decide) {
      router.rpc(kind.method, async (message, context) => write(await decide(() => read(message), context)));
    },
  };
}
