// The library needs this polyfill, so it is imported first.
import "reflect-metadata";

export * from "@peculiar/x509";
