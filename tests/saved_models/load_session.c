/* Loads a SavedModel by the C API, as a server does, and runs a signature.

   load_session MODEL FORMAT REFERENCE DISTORTED REFERENCE_NAME DISTORTED_NAME
                DISTANCE_NAME SIZE...
   FORMAT is "float" (files of float32) or "file" (encoded images); the sizes
   are those of the tensors' axes. The names are those of the graph's operations, as "name:index".
   Prints the distance. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/tf_tstring.h"

static void stop_on_error(const TF_Status* status) {
  if (TF_GetCode(status) == TF_OK) return;
  fprintf(stderr, "%s\n", TF_Message(status));
  exit(1);
}

static char* read_file(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  if (!file) {
    perror(path);
    exit(1);
  }
  fseek(file, 0, SEEK_END);
  *size = ftell(file);
  rewind(file);
  char* bytes = malloc(*size);
  if (fread(bytes, 1, *size, file) != *size) exit(1);
  fclose(file);
  return bytes;
}

static TF_Tensor* read_tensor(const char* path, int encoded,
                              const int64_t* shape, int rank) {
  size_t size;
  char* bytes = read_file(path, &size);
  TF_Tensor* tensor;
  if (encoded) {
    tensor = TF_AllocateTensor(TF_STRING, shape, rank, sizeof(TF_TString));
    TF_TString* string = TF_TensorData(tensor);
    TF_TString_Init(string);
    TF_TString_Copy(string, bytes, size);
  } else {
    tensor = TF_AllocateTensor(TF_FLOAT, shape, rank, size);
    memcpy(TF_TensorData(tensor), bytes, size);
  }
  free(bytes);
  return tensor;
}

static TF_Output find(TF_Graph* graph, char* name) {
  char* colon = strrchr(name, ':');
  *colon = '\0';
  TF_Output output = {TF_GraphOperationByName(graph, name), atoi(colon + 1)};
  if (!output.oper) {
    fprintf(stderr, "no operation is called %s\n", name);
    exit(1);
  }
  return output;
}

int main(int count, char** arguments) {
  enum { FIRST_SIZE = 8, LARGEST_RANK = 8 };
  int64_t shape[LARGEST_RANK];
  int rank = count - FIRST_SIZE;
  if (rank < 0 || rank > LARGEST_RANK) return 2;
  for (int i = 0; i < rank; i++) shape[i] = atoll(arguments[FIRST_SIZE + i]);
  int encoded = strcmp(arguments[2], "file") == 0;
  TF_Status* status = TF_NewStatus();
  TF_Graph* graph = TF_NewGraph();
  TF_SessionOptions* options = TF_NewSessionOptions();
  const char* tags[] = {"serve"};
  TF_Session* session = TF_LoadSessionFromSavedModel(
      options, NULL, arguments[1], tags, 1, graph, NULL, status);
  stop_on_error(status);
  TF_Output inputs[2], output = find(graph, arguments[7]);
  TF_Tensor *values[2], *result;
  for (int i = 0; i < 2; i++) {
    inputs[i] = find(graph, arguments[5 + i]);
    values[i] = read_tensor(arguments[3 + i], encoded, shape, rank);
  }
  TF_SessionRun(session, NULL, inputs, values, 2, &output, &result, 1, NULL, 0,
                NULL, status);
  stop_on_error(status);
  printf("%.9g\n", *(float*)TF_TensorData(result));
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  return 0;
}
