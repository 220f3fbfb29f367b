/*
 * Replay: a target's kept inputs, one after the other: TARGET FILE|FOLDER...
 *
 * Each input is copied to a block of its very size, so that the address sanitizer sees a read
 * beyond it. What crashes ends the program, after the name of the input.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

#define INPUT_MAX_BYTES (1u << 20)

static size_t played;

static void play(const char *path)
{
    cleanup(freep) uint8_t *data = xmalloc(INPUT_MAX_BYTES);
    cleanup(freep) uint8_t *exact = NULL;
    FILE *file = fopen(path, "re");
    size_t size;

    require(file != NULL);
    size = fread(data, 1, INPUT_MAX_BYTES, file);
    fclose(file);
    exact = xmalloc(size > 0 ? size : 1);
    memcpy(exact, data, size);
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(exact, size);
    played++;
}

static void play_folder(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;

    require(folder != NULL);
    while ((entry = readdir(folder)) != NULL) {
        cleanup(freep) char *name = xasprintf("%s/%s", path, entry->d_name);

        if (entry->d_name[0] != '.')
            play(name);
    }
    closedir(folder);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct stat what;

        require(stat(argv[i], &what) == 0);
        if (S_ISDIR(what.st_mode))
            play_folder(argv[i]);
        else
            play(argv[i]);
    }
    fprintf(stderr, "%zu inputs\n", played);
    return played > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
