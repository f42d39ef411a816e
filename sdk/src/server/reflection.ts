import { type DescFile, type DescService, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import {
  ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponseSchema,
} from "@patchbay/proto/grpc/reflection/v1/reflection_pb";

type ResponseInit = MessageInitShape<typeof ServerReflectionResponseSchema>;
type MessageResponse = NonNullable<ResponseInit["messageResponse"]>;

/** Answers grpc.reflection.v1.ServerReflection for these services and itself, so that tools such as grpcurl need no proto files. */
export function reflectionRoutes(router: ConnectRouter, served: readonly DescService[]): void {
  const services = [...served, ServerReflection];
  const index = createIndex(services);
  router.service(ServerReflection, {
    async *serverReflectionInfo(requests) {
      for await (const request of requests) yield answer(request, services, index);
    },
  });
}

interface Index {
  readonly byName: ReadonlyMap<string, DescFile>;
  readonly bySymbol: ReadonlyMap<string, DescFile>;
}

function answer(request: ServerReflectionRequest, services: readonly DescService[], index: Index): ResponseInit {
  return {
    validHost: request.host,
    originalRequest: request,
    messageResponse: find(request.messageRequest, services, index),
  };
}

function find(
  asked: ServerReflectionRequest["messageRequest"],
  services: readonly DescService[],
  index: Index,
): MessageResponse {
  switch (asked.case) {
    case "listServices":
      return { case: "listServicesResponse", value: { service: services.map(({ typeName }) => ({ name: typeName })) } };
    case "fileByFilename":
      return fileResponse(index.byName.get(asked.value), `file "${asked.value}"`);
    case "fileContainingSymbol":
      return fileResponse(index.bySymbol.get(asked.value), `symbol "${asked.value}"`);
    case "allExtensionNumbersOfType":
      return index.bySymbol.has(asked.value)
        ? { case: "allExtensionNumbersResponse", value: { baseTypeName: asked.value } }
        : notFound(`type "${asked.value}"`);
    case "fileContainingExtension":
      return notFound(`extension ${asked.value.extensionNumber} of "${asked.value.containingType}"`);
    default:
      return {
        case: "errorResponse",
        value: { errorCode: Code.InvalidArgument, errorMessage: "the request asks for nothing" },
      };
  }
}

function fileResponse(file: DescFile | undefined, what: string): MessageResponse {
  if (!file) return notFound(what);
  const files = [...new Set(withImports(file))];
  const encoded = files.map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto: encoded } };
}

function notFound(what: string): MessageResponse {
  return { case: "errorResponse", value: { errorCode: Code.NotFound, errorMessage: `${what} is not served here` } };
}

function createIndex(services: readonly DescService[]): Index {
  const files = new Set(services.flatMap(({ file }) => withImports(file)));
  const byName = new Map([...files].map((file) => [file.proto.name, file]));
  const bySymbol = new Map([...files].flatMap((file) => symbolsIn(file).map((symbol) => [symbol, file] as const)));
  return { byName, bySymbol };
}

function withImports(file: DescFile): DescFile[] {
  return [file, ...file.dependencies.flatMap(withImports)];
}

/** Services and their methods, messages (nested ones too), enums. */
function symbolsIn(file: DescFile): string[] {
  const methods = file.services.flatMap(({ typeName, methods }) => methods.map(({ name }) => `${typeName}.${name}`));
  const types: string[] = [];
  const collect = (scope: Pick<DescFile, "messages" | "enums">) => {
    for (const { typeName } of scope.enums) types.push(typeName);
    for (const message of scope.messages) {
      types.push(message.typeName);
      collect({ messages: message.nestedMessages, enums: message.nestedEnums });
    }
  };
  collect(file);
  return [...file.services.map(({ typeName }) => typeName), ...methods, ...types];
}
