FROM busybox
ENV MY_NAME="John Doe" MY_DOG=Rex\ The\ Dog \
    MY_CAT=fluffy
ENV MY_VAR my-value with "quotes" and   spaces
ENV ONE TWO= THREE=world
LABEL "com.example.vendor"="ACME Incorporated"
LABEL description="This text illustrates \
that label-values can span multiple lines."
LABEL multi.label1="value1" multi.label2='$MY_CAT' other="$MY_CAT"
